//! The presets that are part of the program.

use crate::fields::FieldError;
use crate::flags::UnknownFlag;
use crate::nearest::nearest;
use crate::preset::Preset;
use std::sync::LazyLock;
use thiserror::Error;

static EMBEDDED: LazyLock<Catalog> = LazyLock::new(|| {
    Catalog::parse(include_str!("../data/presets.json")).expect("the embedded presets are sound, as a test shows")
});

/// Every preset, in the file's order; each makes a chain of tags.
#[derive(Clone, Debug)]
pub struct Catalog {
    presets: Vec<Preset>,
}

/// There is no preset of that name.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("no preset `{name}`{}", did_you_mean(nearest.as_ref()))]
pub struct UnknownPreset {
    /// The name asked for.
    pub name: String,
    /// The nearest known one.
    pub nearest: Option<String>,
}

/// Why a text holds no presets.
#[derive(Debug, Error)]
enum ParseError {
    #[error("not the JSON of presets")]
    Syntax(#[from] serde_json::Error),
    #[error("preset {name}: {problem}")]
    BadFields { name: String, problem: FieldError },
    #[error("preset {name}: {problem}")]
    BadFlag { name: String, problem: UnknownFlag },
}

impl Catalog {
    /// The catalog of this program.
    pub fn embedded() -> &'static Self {
        &EMBEDDED
    }

    /// All presets, in the file's order.
    pub fn presets(&self) -> &[Preset] {
        &self.presets
    }

    /// The preset of that name.
    ///
    /// # Errors
    ///
    /// [`UnknownPreset`] with the nearest name.
    pub fn find(&self, name: &str) -> Result<&Preset, UnknownPreset> {
        self.presets.iter().find(|preset| preset.name == name).ok_or_else(|| UnknownPreset {
            name: name.to_owned(),
            nearest: nearest(name, self.presets.iter().map(|preset| preset.name.as_str())),
        })
    }

    fn parse(text: &str) -> Result<Self, ParseError> {
        let mut presets: Vec<Preset> = serde_json::from_str(text)?;
        for preset in &mut presets {
            let flags = preset.parse_flags();
            let flags = flags.map_err(|problem| ParseError::BadFlag { name: preset.name.clone(), problem })?;
            let chain = preset.make_chain(flags);
            preset.chain = chain.map_err(|problem| ParseError::BadFields { name: preset.name.clone(), problem })?;
        }
        Ok(Self { presets })
    }
}

fn did_you_mean(nearest: Option<&String>) -> String {
    nearest.map_or_else(String::new, |name| format!(", did you mean `{name}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use busdma_engine::constraints::SegmentLimit;
    use std::collections::BTreeSet;

    fn find(name: &str) -> &'static Preset {
        Catalog::embedded().find(name).unwrap()
    }

    #[test]
    fn every_preset_makes_a_chain() {
        let presets = Catalog::embedded().presets();
        assert_eq!(presets.len(), 94);
        for preset in presets {
            assert_eq!(preset.chain().len(), 1 + usize::from(preset.parent.is_some()), "{}", preset.name);
        }
        let names: BTreeSet<_> = presets.iter().map(|preset| &preset.name).collect();
        assert_eq!(names.len(), presets.len(), "names are unique");
        assert_eq!(presets.iter().filter(|preset| preset.lint.is_some()).count(), 9);
    }

    #[test]
    fn a_parent_is_a_real_ancestor() {
        let chain = find("ahci-32bit").chain();
        assert_eq!(chain[0].name, "ahci ctlr tag over pci");
        assert_eq!(chain[0].template.window.lowaddr.raw(), 0xffff_ffff);
        assert_eq!(chain[0].template.boundary.unwrap().bytes(), 1 << 32);
        assert_eq!(chain[1].template.window.lowaddr.raw(), u64::MAX);
        assert_eq!(find("pci-root").chain()[0].template.nsegments, SegmentLimit::Unrestricted);
        assert_eq!(find("nvme").parent.as_ref().unwrap().short_name(), "pci");
    }

    #[test]
    fn a_misspelt_name_suggests_the_nearest() {
        let message = |name| Catalog::embedded().find(name).unwrap_err().to_string();
        assert_eq!(message("nvem"), "no preset `nvem`, did you mean `nvme`?");
        assert_eq!(message("ahci32bit"), "no preset `ahci32bit`, did you mean `ahci-32bit`?");
        assert_eq!(message("?"), "no preset `?`");
    }

    #[test]
    fn damage_is_found_when_the_text_is_read() {
        let sound = serde_json::to_string(&[find("fxp")]).unwrap();
        assert!(Catalog::parse(&sound).is_ok());
        let check = |from: &str, to: &str, message: &str| {
            assert!(sound.contains(from), "{from}");
            let error = Catalog::parse(&sound.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        };
        check("\"alignment\":2", "\"alignment\":3", "preset fxp: alignment: 3 is no power of two");
        check("\"flags\":[", "\"flags\":[\"BUS_DMA_ALOCNOW\"", "preset fxp: unknown flag `BUS_DMA_ALOCNOW`");
        check("\"lowaddr\":\"0x", "\"lowaddr\":\"", "not the JSON of presets");
    }
}
