//! What a load names: buffers and the shapes that hold them.
//!
//! On the line a shape's fields stand side by side; each type here reads them as one flat structure and turns that into
//! the case that `kind` or `type` names.

use super::words::{BioType, CcbDataWord, MemType, Word};
use super::{CcbDir, CcbFunc, Flag, Hex, LoadKind, Name, SegFlag, WordList};
use serde::ser::{SerializeStruct, Serializer};
use serde::{Deserialize, Serialize};

/// `bus_dmamap_load*`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "LoadFields<'a>", bound(deserialize = "'de: 'a"))]
pub struct Load<'a> {
    /// The tag.
    pub tag: Name<'a>,
    /// The map.
    pub map: Name<'a>,
    /// Flags of the call.
    pub flags: WordList<Flag>,
    /// Which function is called, and with what.
    pub request: LoadRequest,
}

/// Which load function is called, and with what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LoadRequest {
    /// `bus_dmamap_load`.
    Buffer(Buf),
    /// `bus_dmamap_load_bio`.
    Bio(Bio),
    /// `bus_dmamap_load_ccb`.
    Ccb(Ccb),
    /// `bus_dmamap_load_mbuf`.
    Mbuf(MbufChain),
    /// `bus_dmamap_load_mbuf_sg`.
    MbufSg {
        /// Entries of the caller's array; informational.
        segs_max: u64,
        /// The chain.
        chain: MbufChain,
    },
    /// `bus_dmamap_load_uio`.
    Uio(Uio),
    /// `bus_dmamap_load_mem`.
    Mem(MemRequest),
}

/// A virtual range and the physical pages it is mapped to.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub struct Buf {
    /// First address.
    pub vaddr: Hex,
    /// Bytes.
    pub len: u64,
    /// Page `i` holds the bytes from `vaddr` rounded down to a page, plus `i` pages.
    pub pages: Vec<Hex>,
}

/// A physical range.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub struct PhysBuf {
    /// First address.
    pub paddr: Hex,
    /// Bytes.
    pub len: u64,
}

/// A block I/O request.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "BioFields")]
pub enum Bio {
    /// Kernel memory.
    Mapped {
        /// Bytes.
        bcount: u64,
        /// The memory.
        buf: Buf,
    },
    /// Pages without a mapping.
    Unmapped {
        /// Bytes.
        bcount: u64,
        /// Offset of the first byte in the first page.
        ma_offset: u64,
        /// The pages.
        pages: Vec<Hex>,
    },
    /// A list of kernel ranges.
    Vlist {
        /// Bytes at most.
        bcount: u64,
        /// Bytes of the first range to skip.
        ma_offset: u64,
        /// The ranges.
        list: Vec<Buf>,
    },
}

/// A CAM control block.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "CcbFields")]
pub struct Ccb {
    /// What it asks for.
    pub func: CcbFunc,
    /// Which way the data moves.
    pub dir: CcbDir,
    /// Bytes to move.
    pub dxfer_len: u32,
    /// Entries of the scatter list.
    pub sglist_cnt: u16,
    /// Where the data lies.
    pub data: CcbData,
}

/// Where a CAM control block's data lies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CcbData {
    /// One virtual range.
    Vaddr(Buf),
    /// One physical range, `dxfer_len` bytes from here.
    Paddr(Hex),
    /// Virtual ranges.
    Sg(Vec<Buf>),
    /// Physical ranges.
    SgPaddr(Vec<PhysBuf>),
    /// A bio.
    Bio(Bio),
    /// Flags that mean nothing.
    Invalid,
}

/// An mbuf chain. Its fields stand beside those of the request that holds it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MbufChain {
    /// Whether the first mbuf has a packet header (`M_PKTHDR`).
    pub pkthdr: bool,
    /// What the header gives as the length.
    pub pkthdr_len: u64,
    /// `m_data` and `m_len` of each mbuf.
    pub chain: Vec<Buf>,
}

/// A read or write request.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub struct Uio {
    /// Bytes at most.
    pub resid: u64,
    /// Whose addresses `iov` holds.
    pub segflg: SegFlag,
    /// Whether the request names a thread.
    pub td: bool,
    /// The ranges.
    pub iov: Vec<Buf>,
}

/// A memory descriptor.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "MemFields")]
pub enum MemRequest {
    /// One virtual range.
    Vaddr(Buf),
    /// One physical range.
    Paddr(PhysBuf),
    /// Virtual ranges.
    Vlist(Vec<Buf>),
    /// Physical ranges.
    Plist(Vec<PhysBuf>),
    /// A bio.
    Bio(Bio),
    /// A uio.
    Uio(Uio),
    /// An mbuf chain.
    Mbuf(MbufChain),
    /// A CAM control block.
    Ccb(Ccb),
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct LoadFields<'a> {
    #[serde(borrow)]
    tag: Name<'a>,
    #[serde(borrow)]
    map: Name<'a>,
    flags: WordList<Flag>,
    kind: LoadKind,
    buf: Option<Buf>,
    bio: Option<Bio>,
    ccb: Option<Box<Ccb>>,
    segs_max: Option<u64>,
    pkthdr: Option<bool>,
    pkthdr_len: Option<u64>,
    chain: Option<Vec<Buf>>,
    uio: Option<Box<Uio>>,
    mem: Option<Box<MemRequest>>,
}

impl<'a> TryFrom<LoadFields<'a>> for Load<'a> {
    type Error = FieldMissing;

    fn try_from(fields: LoadFields<'a>) -> Result<Self, FieldMissing> {
        let kind = fields.kind;
        let of = kind.as_str();
        let mbuf = |pkthdr, pkthdr_len, chain| mbuf_chain(of, pkthdr, pkthdr_len, chain);
        let request = match kind {
            LoadKind::Buffer => LoadRequest::Buffer(need(fields.buf, of, "buf")?),
            LoadKind::Bio => LoadRequest::Bio(need(fields.bio, of, "bio")?),
            LoadKind::Ccb => LoadRequest::Ccb(*need(fields.ccb, of, "ccb")?),
            LoadKind::Mbuf => LoadRequest::Mbuf(mbuf(fields.pkthdr, fields.pkthdr_len, fields.chain)?),
            LoadKind::MbufSg => LoadRequest::MbufSg {
                segs_max: need(fields.segs_max, of, "segs_max")?,
                chain: mbuf(fields.pkthdr, fields.pkthdr_len, fields.chain)?,
            },
            LoadKind::Uio => LoadRequest::Uio(*need(fields.uio, of, "uio")?),
            LoadKind::Mem => LoadRequest::Mem(*need(fields.mem, of, "mem")?),
        };
        Ok(Self { tag: fields.tag, map: fields.map, flags: fields.flags, request })
    }
}

impl Serialize for Load<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut line = serializer.serialize_struct("Load", 7)?;
        line.serialize_field("tag", &self.tag)?;
        line.serialize_field("map", &self.map)?;
        line.serialize_field("flags", &self.flags)?;
        line.serialize_field("kind", &self.request.kind())?;
        match &self.request {
            LoadRequest::Buffer(buf) => line.serialize_field("buf", buf)?,
            LoadRequest::Bio(bio) => line.serialize_field("bio", bio)?,
            LoadRequest::Ccb(ccb) => line.serialize_field("ccb", ccb)?,
            LoadRequest::Mbuf(chain) => chain.serialize_fields(&mut line)?,
            LoadRequest::MbufSg { segs_max, chain } => {
                line.serialize_field("segs_max", segs_max)?;
                chain.serialize_fields(&mut line)?;
            }
            LoadRequest::Uio(uio) => line.serialize_field("uio", uio)?,
            LoadRequest::Mem(mem) => line.serialize_field("mem", mem)?,
        }
        line.end()
    }
}

impl LoadRequest {
    /// Which load function is called.
    pub const fn kind(&self) -> LoadKind {
        match self {
            Self::Buffer(_) => LoadKind::Buffer,
            Self::Bio(_) => LoadKind::Bio,
            Self::Ccb(_) => LoadKind::Ccb,
            Self::Mbuf(_) => LoadKind::Mbuf,
            Self::MbufSg { .. } => LoadKind::MbufSg,
            Self::Uio(_) => LoadKind::Uio,
            Self::Mem(_) => LoadKind::Mem,
        }
    }
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct BioFields {
    #[serde(rename = "type")]
    shape: BioType,
    bcount: u64,
    ma_offset: Option<u64>,
    buf: Option<Buf>,
    pages: Option<Vec<Hex>>,
    list: Option<Vec<Buf>>,
}

impl TryFrom<BioFields> for Bio {
    type Error = FieldMissing;

    fn try_from(fields: BioFields) -> Result<Self, FieldMissing> {
        let BioFields { shape, bcount, ma_offset, .. } = fields;
        let of = shape.as_str();
        Ok(match shape {
            BioType::Mapped => Self::Mapped { bcount, buf: need(fields.buf, of, "buf")? },
            BioType::Unmapped => Self::Unmapped {
                bcount,
                ma_offset: need(ma_offset, of, "ma_offset")?,
                pages: need(fields.pages, of, "pages")?,
            },
            BioType::Vlist => Self::Vlist {
                bcount,
                ma_offset: need(ma_offset, of, "ma_offset")?,
                list: need(fields.list, of, "list")?,
            },
        })
    }
}

impl Serialize for Bio {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bio = serializer.serialize_struct("Bio", 4)?;
        let (shape, bcount) = match self {
            Self::Mapped { bcount, .. } => (BioType::Mapped, bcount),
            Self::Unmapped { bcount, .. } => (BioType::Unmapped, bcount),
            Self::Vlist { bcount, .. } => (BioType::Vlist, bcount),
        };
        bio.serialize_field("type", &shape)?;
        bio.serialize_field("bcount", bcount)?;
        match self {
            Self::Mapped { buf, .. } => bio.serialize_field("buf", buf)?,
            Self::Unmapped { ma_offset, pages, .. } => {
                bio.serialize_field("ma_offset", ma_offset)?;
                bio.serialize_field("pages", pages)?;
            }
            Self::Vlist { ma_offset, list, .. } => {
                bio.serialize_field("ma_offset", ma_offset)?;
                bio.serialize_field("list", list)?;
            }
        }
        bio.end()
    }
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct CcbFields {
    func: CcbFunc,
    dir: CcbDir,
    data: CcbDataWord,
    dxfer_len: u32,
    sglist_cnt: u16,
    buf: Option<Buf>,
    paddr: Option<Hex>,
    list: Option<Vec<AnyRange>>,
    bio: Option<Bio>,
}

impl TryFrom<CcbFields> for Ccb {
    type Error = FieldMissing;

    fn try_from(fields: CcbFields) -> Result<Self, FieldMissing> {
        let CcbFields { func, dir, data, dxfer_len, sglist_cnt, .. } = fields;
        let of = data.as_str();
        let data = match data {
            CcbDataWord::Vaddr => CcbData::Vaddr(need(fields.buf, of, "buf")?),
            CcbDataWord::Paddr => CcbData::Paddr(need(fields.paddr, of, "paddr")?),
            CcbDataWord::Sg => CcbData::Sg(virtual_list(need(fields.list, of, "list")?, of)?),
            CcbDataWord::SgPaddr => CcbData::SgPaddr(physical_list(need(fields.list, of, "list")?, of)?),
            CcbDataWord::Bio => CcbData::Bio(need(fields.bio, of, "bio")?),
            CcbDataWord::Invalid => CcbData::Invalid,
        };
        Ok(Self { func, dir, dxfer_len, sglist_cnt, data })
    }
}

impl Serialize for Ccb {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut ccb = serializer.serialize_struct("Ccb", 6)?;
        ccb.serialize_field("func", &self.func)?;
        ccb.serialize_field("dir", &self.dir)?;
        let word = match &self.data {
            CcbData::Vaddr(_) => CcbDataWord::Vaddr,
            CcbData::Paddr(_) => CcbDataWord::Paddr,
            CcbData::Sg(_) => CcbDataWord::Sg,
            CcbData::SgPaddr(_) => CcbDataWord::SgPaddr,
            CcbData::Bio(_) => CcbDataWord::Bio,
            CcbData::Invalid => CcbDataWord::Invalid,
        };
        ccb.serialize_field("data", &word)?;
        ccb.serialize_field("dxfer_len", &self.dxfer_len)?;
        ccb.serialize_field("sglist_cnt", &self.sglist_cnt)?;
        match &self.data {
            CcbData::Vaddr(buf) => ccb.serialize_field("buf", buf)?,
            CcbData::Paddr(paddr) => ccb.serialize_field("paddr", paddr)?,
            CcbData::Sg(list) => ccb.serialize_field("list", list)?,
            CcbData::SgPaddr(list) => ccb.serialize_field("list", list)?,
            CcbData::Bio(bio) => ccb.serialize_field("bio", bio)?,
            CcbData::Invalid => {}
        }
        ccb.end()
    }
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct MemFields {
    #[serde(rename = "type")]
    shape: MemType,
    buf: Option<Buf>,
    paddr: Option<Hex>,
    len: Option<u64>,
    list: Option<Vec<AnyRange>>,
    bio: Option<Bio>,
    uio: Option<Uio>,
    pkthdr: Option<bool>,
    pkthdr_len: Option<u64>,
    chain: Option<Vec<Buf>>,
    ccb: Option<Ccb>,
}

impl TryFrom<MemFields> for MemRequest {
    type Error = FieldMissing;

    fn try_from(fields: MemFields) -> Result<Self, FieldMissing> {
        let of = fields.shape.as_str();
        Ok(match fields.shape {
            MemType::Vaddr => Self::Vaddr(need(fields.buf, of, "buf")?),
            MemType::Paddr => {
                Self::Paddr(PhysBuf { paddr: need(fields.paddr, of, "paddr")?, len: need(fields.len, of, "len")? })
            }
            MemType::Vlist => Self::Vlist(virtual_list(need(fields.list, of, "list")?, of)?),
            MemType::Plist => Self::Plist(physical_list(need(fields.list, of, "list")?, of)?),
            MemType::Bio => Self::Bio(need(fields.bio, of, "bio")?),
            MemType::Uio => Self::Uio(need(fields.uio, of, "uio")?),
            MemType::Mbuf => Self::Mbuf(mbuf_chain(of, fields.pkthdr, fields.pkthdr_len, fields.chain)?),
            MemType::Ccb => Self::Ccb(need(fields.ccb, of, "ccb")?),
        })
    }
}

impl Serialize for MemRequest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut mem = serializer.serialize_struct("MemRequest", 4)?;
        let shape = match self {
            Self::Vaddr(_) => MemType::Vaddr,
            Self::Paddr(_) => MemType::Paddr,
            Self::Vlist(_) => MemType::Vlist,
            Self::Plist(_) => MemType::Plist,
            Self::Bio(_) => MemType::Bio,
            Self::Uio(_) => MemType::Uio,
            Self::Mbuf(_) => MemType::Mbuf,
            Self::Ccb(_) => MemType::Ccb,
        };
        mem.serialize_field("type", &shape)?;
        match self {
            Self::Vaddr(buf) => mem.serialize_field("buf", buf)?,
            Self::Paddr(PhysBuf { paddr, len }) => {
                mem.serialize_field("paddr", paddr)?;
                mem.serialize_field("len", len)?;
            }
            Self::Vlist(list) => mem.serialize_field("list", list)?,
            Self::Plist(list) => mem.serialize_field("list", list)?,
            Self::Bio(bio) => mem.serialize_field("bio", bio)?,
            Self::Uio(uio) => mem.serialize_field("uio", uio)?,
            Self::Mbuf(chain) => chain.serialize_fields(&mut mem)?,
            Self::Ccb(ccb) => mem.serialize_field("ccb", ccb)?,
        }
        mem.end()
    }
}

impl MbufChain {
    fn serialize_fields<S: SerializeStruct>(&self, line: &mut S) -> Result<(), S::Error> {
        line.serialize_field("pkthdr", &self.pkthdr)?;
        line.serialize_field("pkthdr_len", &self.pkthdr_len)?;
        line.serialize_field("chain", &self.chain)
    }
}

fn mbuf_chain(
    of: &'static str,
    pkthdr: Option<bool>,
    pkthdr_len: Option<u64>,
    chain: Option<Vec<Buf>>,
) -> Result<MbufChain, FieldMissing> {
    Ok(MbufChain {
        pkthdr: need(pkthdr, of, "pkthdr")?,
        pkthdr_len: need(pkthdr_len, of, "pkthdr_len")?,
        chain: need(chain, of, "chain")?,
    })
}

/// A list element, virtual or physical as its owner's type says.
#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct AnyRange {
    len: u64,
    vaddr: Option<Hex>,
    pages: Option<Vec<Hex>>,
    paddr: Option<Hex>,
}

fn virtual_list(list: Vec<AnyRange>, of: &'static str) -> Result<Vec<Buf>, FieldMissing> {
    list.into_iter()
        .map(|range| {
            Ok(Buf {
                vaddr: need(range.vaddr, of, "list[].vaddr")?,
                len: range.len,
                pages: need(range.pages, of, "list[].pages")?,
            })
        })
        .collect()
}

fn physical_list(list: Vec<AnyRange>, of: &'static str) -> Result<Vec<PhysBuf>, FieldMissing> {
    list.into_iter()
        .map(|range| Ok(PhysBuf { paddr: need(range.paddr, of, "list[].paddr")?, len: range.len }))
        .collect()
}

/// A field that the named case cannot do without.
#[derive(Debug, thiserror::Error)]
#[error("missing field `{field}`, which {of:?} needs")]
struct FieldMissing {
    of: &'static str,
    field: &'static str,
}

fn need<T>(field: Option<T>, of: &'static str, name: &'static str) -> Result<T, FieldMissing> {
    field.ok_or(FieldMissing { of, field: name })
}
