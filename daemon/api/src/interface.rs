//! What an interface is: its methods as Rust types, and its description in Varlink's own language.

use std::fmt::Write as _;
use zlink::idl::{self, Comment, CustomType, Field, Interface};
use zlink::introspect;

/// A method: the type that implements it holds its parameters.
pub trait Method: serde::Serialize + std::fmt::Debug {
    /// Its full name, `org.busdma.Engine.Load`.
    const NAME: &'static str;
    /// What it replies.
    type Reply: serde::de::DeserializeOwned + std::fmt::Debug;
    /// What can go wrong, besides the errors of `org.varlink.service`.
    type Error: serde::de::DeserializeOwned + std::fmt::Debug;
}

/// Declares an interface: an enum of its methods, [`Method`] for each, and its description.
macro_rules! interface {
    (
        $(#[doc = $interface_doc:literal])+
        interface $Methods:ident = $name:literal;
        errors $Errors:ty;
        types [$($custom:ty),* $(,)?];
        $($(#[doc = $doc:literal])+ method $method:ident -> $reply:ty;)+
    ) => {
        $(#[doc = $interface_doc])+
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum $Methods {
            $($(#[doc = $doc])+ $method,)+
        }

        impl $Methods {
            /// The interface's name.
            pub const INTERFACE: &'static str = $name;

            /// The method of that name, given without the interface.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($method) => Some(Self::$method),)+
                    _ => None,
                }
            }

            /// The method's full name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$method => <$method as $crate::interface::Method>::NAME,)+
                }
            }

            /// The interface in Varlink's interface description language.
            pub fn description() -> String {
                use zlink::introspect::{CustomType as _, ReplyError as _};
                $crate::interface::describe(&$crate::interface::Parts {
                    name: $name,
                    comments: &[$($interface_doc),+],
                    types: &[$(<$custom>::CUSTOM_TYPE),*],
                    methods: &[$($crate::interface::MethodParts {
                        name: stringify!($method),
                        comments: &[$($doc),+],
                        inputs: <$method>::CUSTOM_TYPE,
                        outputs: <$reply>::CUSTOM_TYPE,
                    }),+],
                    errors: <$Errors>::VARIANTS,
                })
            }
        }

        $(
            impl $crate::interface::Method for $method {
                const NAME: &'static str = concat!($name, ".", stringify!($method));
                type Reply = $reply;
                type Error = $Errors;
            }
        )+
    };
}
pub(crate) use interface;

/// Declares an enum of which exactly one field is present on the wire: `{"buffer": {…}}`.
macro_rules! one_of {
    (
        $(#[$meta:meta])+
        pub enum $name:ident { $($(#[doc = $doc:literal])+ $variant:ident($inner:ty) = $field:literal,)+ }
    ) => {
        $(#[$meta])+
        #[derive(Clone, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[doc = $doc])+ #[serde(rename = $field)] $variant($inner),)+
        }

        impl zlink::introspect::CustomType for $name {
            const CUSTOM_TYPE: &'static zlink::idl::CustomType<'static> = &zlink::idl::CustomType::Object(
                zlink::idl::CustomObject::new(
                    zlink::names::TypeName::from_static_str_unchecked(stringify!($name)),
                    &[$({
                        const OPTIONAL: &zlink::idl::Type<'static> = &zlink::idl::Type::Optional(
                            zlink::idl::TypeRef::new(<$inner as zlink::introspect::Type>::TYPE),
                        );
                        const FIELD: &zlink::idl::Field<'static> = &zlink::idl::Field::new(
                            zlink::names::FieldName::from_static_str_unchecked($field),
                            OPTIONAL,
                            &[$(&zlink::idl::Comment::new($doc)),+],
                        );
                        FIELD
                    }),+],
                    &[&zlink::idl::Comment::new(" Exactly one of the fields is present.")],
                ),
            );
        }

        impl zlink::introspect::Type for $name {
            const TYPE: &'static zlink::idl::Type<'static> =
                &zlink::idl::Type::Custom(zlink::names::TypeName::from_static_str_unchecked(stringify!($name)));
        }
    };
}
pub(crate) use one_of;

/// An interface in parts.
pub(crate) struct Parts<'a> {
    pub(crate) name: &'static str,
    pub(crate) comments: &'a [&'static str],
    pub(crate) types: &'a [&'static CustomType<'static>],
    pub(crate) methods: &'a [MethodParts<'a>],
    pub(crate) errors: &'a [&'static idl::Error<'static>],
}

/// A method in parts; inputs and outputs are objects.
pub(crate) struct MethodParts<'a> {
    pub(crate) name: &'static str,
    pub(crate) comments: &'a [&'static str],
    pub(crate) inputs: &'static CustomType<'static>,
    pub(crate) outputs: &'static CustomType<'static>,
}

/// Writes a description with one field a line, which zlink's own display does not.
pub(crate) fn describe(parts: &Parts<'_>) -> String {
    let mut text = String::new();
    remarks(&mut text, "", parts.comments.iter().copied());
    let _ = writeln!(text, "interface {}", parts.name);
    for custom in parts.types {
        text.push('\n');
        match custom {
            CustomType::Object(object) => {
                comments(&mut text, "", object.comments());
                let _ = write!(text, "type {} ", object.name());
                fields(&mut text, object.fields());
            }
            CustomType::Enum(list) => {
                comments(&mut text, "", list.comments());
                let _ = writeln!(text, "type {} (", list.name());
                separated(&mut text, list.variants(), |text, variant| {
                    comments(text, "  ", variant.comments());
                    let _ = write!(text, "  {}", variant.name());
                });
                text.push(')');
            }
        }
        text.push('\n');
    }
    for method in parts.methods {
        text.push('\n');
        remarks(&mut text, "", method.comments.iter().copied());
        let _ = write!(text, "method {}", method.name);
        fields(&mut text, members(method.inputs));
        text.push_str(" -> ");
        fields(&mut text, members(method.outputs));
        text.push('\n');
    }
    for error in parts.errors {
        text.push('\n');
        comments(&mut text, "", error.comments());
        let _ = write!(text, "error {} ", error.name());
        fields(&mut text, error.fields());
        text.push('\n');
    }
    text
}

/// Whether a description is one that Varlink's grammar takes.
///
/// # Errors
/// What zlink's parser says.
pub fn parse(description: &str) -> Result<Interface<'_>, zlink::Error> {
    Interface::try_from(description).map_err(zlink::Error::from)
}

fn members(object: &'static CustomType<'static>) -> impl Iterator<Item = &'static Field<'static>> {
    object.as_object().into_iter().flat_map(idl::CustomObject::fields)
}

fn fields<'a>(text: &mut String, fields: impl Iterator<Item = &'a Field<'a>>) {
    let fields: Vec<_> = fields.collect();
    if fields.is_empty() {
        text.push_str("()");
        return;
    }
    text.push_str("(\n");
    separated(text, fields.into_iter(), |text, field| {
        comments(text, "  ", field.comments());
        let _ = write!(text, "  {}: {}", field.name(), field.ty());
    });
    text.push(')');
}

fn separated<T>(text: &mut String, items: impl Iterator<Item = T>, mut write: impl FnMut(&mut String, T)) {
    for (index, item) in items.enumerate() {
        if index > 0 {
            text.push_str(",\n");
        }
        write(text, item);
    }
    text.push('\n');
}

fn comments<'a>(text: &mut String, indent: &str, lines: impl Iterator<Item = &'a Comment<'a>>) {
    remarks(text, indent, lines.map(Comment::content));
}

fn remarks<'a>(text: &mut String, indent: &str, lines: impl Iterator<Item = &'a str>) {
    for line in lines {
        let line = line.trim();
        let _ = if line.is_empty() { writeln!(text, "{indent}#") } else { writeln!(text, "{indent}# {line}") };
    }
}

/// Parameters or a reply without fields.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize, introspect::CustomType)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}
