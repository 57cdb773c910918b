//! The closed vocabularies of the format.

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Unexpected, Visitor};
use serde::ser::{Serialize, Serializer};
use std::fmt;
use std::marker::PhantomData;

/// A closed set of words.
pub trait Word: Copy + Eq + Sized + 'static {
    /// Every word, in the order the format lists them.
    const ALL: &'static [Self];

    /// What the words stand for, for error messages.
    const WHAT: &'static str;

    /// The word as written.
    fn as_str(self) -> &'static str;

    /// The value of a word.
    fn from_word(word: &str) -> Option<Self>;

    /// All words, separated by commas.
    fn list() -> String {
        Self::ALL.iter().map(|word| word.as_str()).collect::<Vec<_>>().join(", ")
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $vis:vis $name:ident, $what:literal { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
        $vis enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl Word for $name {
            const ALL: &'static [Self] = &[$(Self::$variant),+];
            const WHAT: &'static str = $what;

            fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            #[inline]
            fn from_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(WordVisitor(PhantomData))
            }
        }
    };
}

words! {
    /// What an operation line does.
    pub Op, "an operation" {
        /// `bus_dma_tag_create`.
        TagCreate = "tag_create",
        /// `bus_dma_tag_destroy`.
        TagDestroy = "tag_destroy",
        /// `bus_dmamap_create`.
        MapCreate = "map_create",
        /// `bus_dmamap_destroy`.
        MapDestroy = "map_destroy",
        /// One of `bus_dmamap_load*`.
        Load = "load",
        /// The software interrupt that runs deferred loads (`busdma_swi`).
        RunDeferred = "run_deferred",
        /// `bus_dmamap_sync`.
        Sync = "sync",
        /// `bus_dmamap_unload`.
        Unload = "unload",
        /// `bus_dmamem_alloc`.
        DmamemAlloc = "dmamem_alloc",
        /// `bus_dmamem_free`.
        DmamemFree = "dmamem_free",
        /// The client writes a pattern into its buffer.
        Fill = "fill",
        /// The device writes a pattern through the segments.
        DeviceWrite = "device_write",
        /// The device reads through the segments.
        DeviceRead = "device_read",
        /// A deferred load is given up. An addition to busdma-trace v1.
        Cancel = "cancel",
    }
}

words! {
    /// What a call returns.
    pub Ret, "an error name" {
        /// 0.
        Ok = "OK",
        /// Out of bounce pages or memory.
        Enomem = "ENOMEM",
        /// The arguments make no sense.
        Einval = "EINVAL",
        /// Too many segments.
        Efbig = "EFBIG",
        /// Still in use.
        Ebusy = "EBUSY",
        /// Deferred.
        Einprogress = "EINPROGRESS",
    }
}

words! {
    /// A `BUS_DMA_*` flag.
    pub Flag, "a bus_dma(9) flag" {
        /// May defer; FreeBSD's 0.
        WaitOk = "WAITOK",
        /// May not defer or sleep.
        NoWait = "NOWAIT",
        /// Fill the pool at once.
        AllocNow = "ALLOCNOW",
        /// Coherent memory.
        Coherent = "COHERENT",
        /// Zeroed memory.
        Zero = "ZERO",
        /// Uncacheable memory.
        NoCache = "NOCACHE",
        /// Keep the offset in the page when bouncing.
        KeepPageOffset = "KEEP_PG_OFFSET",
    }
}

words! {
    /// Which load function is called.
    pub LoadKind, "a kind of load" {
        /// `bus_dmamap_load`.
        Buffer = "buffer",
        /// `bus_dmamap_load_bio`.
        Bio = "bio",
        /// `bus_dmamap_load_ccb`.
        Ccb = "ccb",
        /// `bus_dmamap_load_mbuf`.
        Mbuf = "mbuf",
        /// `bus_dmamap_load_mbuf_sg`.
        MbufSg = "mbuf_sg",
        /// `bus_dmamap_load_uio`.
        Uio = "uio",
        /// `bus_dmamap_load_mem`.
        Mem = "mem",
    }
}

words! {
    /// The shape of a bio.
    pub(crate) BioType, "a bio type" {
        /// `bio_data`.
        Mapped = "mapped",
        /// `BIO_UNMAPPED`.
        Unmapped = "unmapped",
        /// `BIO_VLIST`.
        Vlist = "vlist",
    }
}

words! {
    /// The function code of a CAM control block.
    pub CcbFunc, "a CAM function code" {
        /// `XPT_SCSI_IO`.
        ScsiIo = "SCSI_IO",
        /// `XPT_CONT_TARGET_IO`.
        ContTargetIo = "CONT_TARGET_IO",
        /// `XPT_ATA_IO`.
        AtaIo = "ATA_IO",
        /// `XPT_NVME_IO`.
        NvmeIo = "NVME_IO",
        /// `XPT_NVME_ADMIN`.
        NvmeAdmin = "NVME_ADMIN",
        /// `XPT_NOOP`, 0: carries no data.
        Noop = "NOOP",
    }
}

words! {
    /// Which way a CAM control block moves data.
    pub CcbDir, "a CAM direction" {
        /// Device to memory.
        In = "IN",
        /// Memory to device.
        Out = "OUT",
        /// Both.
        Both = "BOTH",
        /// Neither.
        None = "NONE",
    }
}

words! {
    /// Where a CAM control block's data lies.
    pub(crate) CcbDataWord, "a CAM data type" {
        /// One virtual range.
        Vaddr = "VADDR",
        /// One physical range.
        Paddr = "PADDR",
        /// Virtual ranges.
        Sg = "SG",
        /// Physical ranges.
        SgPaddr = "SG_PADDR",
        /// A bio.
        Bio = "BIO",
        /// Flags that mean nothing.
        Invalid = "INVALID",
    }
}

words! {
    /// The type of a memory descriptor.
    pub(crate) MemType, "a memory descriptor type" {
        /// One virtual range.
        Vaddr = "VADDR",
        /// One physical range.
        Paddr = "PADDR",
        /// Virtual ranges.
        Vlist = "VLIST",
        /// Physical ranges.
        Plist = "PLIST",
        /// A bio.
        Bio = "BIO",
        /// A uio.
        Uio = "UIO",
        /// An mbuf chain.
        Mbuf = "MBUF",
        /// A CAM control block.
        Ccb = "CCB",
    }
}

words! {
    /// Whose addresses a uio holds.
    pub SegFlag, "a uio segment flag" {
        /// The kernel's.
        SysSpace = "SYSSPACE",
        /// A process's.
        UserSpace = "USERSPACE",
    }
}

words! {
    /// One operation of a sync.
    pub SyncOp, "a sync operation" {
        /// Before the device writes.
        PreRead = "PREREAD",
        /// After the device wrote.
        PostRead = "POSTREAD",
        /// Before the device reads.
        PreWrite = "PREWRITE",
        /// After the device read.
        PostWrite = "POSTWRITE",
    }
}

words! {
    /// What a created map is.
    pub MapWord, "a map form" {
        /// `NULL`: bouncing is not possible.
        Null = "null",
        /// A map.
        Real = "real",
    }
}

words! {
    /// What a map is doing.
    pub MapStateWord, "a state of a map" {
        /// Nothing.
        Idle = "idle",
        /// A load waits for pages, or to be taken up.
        Deferred = "deferred",
        /// The device may use the mapping.
        Loaded = "loaded",
    }
}

words! {
    /// Which way a bounce page is copied.
    pub CopyDir, "a copy direction" {
        /// Client to bounce page.
        ToBounce = "to_bounce",
        /// Bounce page to client.
        FromBounce = "from_bounce",
    }
}

words! {
    /// A cache operation.
    pub CacheWord, "a cache operation" {
        /// Write back.
        WriteBack = "wb",
        /// Invalidate.
        Invalidate = "inv",
        /// Write back, then invalidate.
        WriteBackInvalidate = "wbinv",
    }
}

words! {
    /// A kernel allocator.
    pub AllocatorName, "an allocator class" {
        /// malloc(9).
        Malloc = "malloc",
        /// `kmem_alloc_attr`.
        KmemAttr = "kmem_attr",
        /// `kmem_alloc_contig`.
        KmemContig = "kmem_contig",
    }
}

words! {
    /// The allocator that memory is given back to.
    pub FreedWord, "a freeing function" {
        /// free(9).
        Malloc = "malloc",
        /// `kmem_free`.
        Kmem = "kmem",
    }
}

words! {
    /// A malloc(9) flag.
    pub MallocFlag, "a malloc(9) flag" {
        /// May sleep.
        WaitOk = "WAITOK",
        /// May not sleep.
        NoWait = "NOWAIT",
        /// Zeroed.
        Zero = "ZERO",
    }
}

words! {
    /// Caching of allocated memory.
    pub MemAttr, "a memory attribute" {
        /// Ordinary.
        Default = "default",
        /// Uncacheable.
        Uncacheable = "uncacheable",
    }
}

struct WordVisitor<W>(PhantomData<W>);

impl<W: Word> Visitor<'_> for WordVisitor<W> {
    type Value = W;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, one of {}", W::WHAT, W::list())
    }

    #[inline]
    fn visit_str<E: Error>(self, text: &str) -> Result<W, E> {
        W::from_word(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

/// Most words a [`WordList`] holds.
const WORDS_MAX: usize = 8;

/// A short list of words, kept in the order it was written in and without allocation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct WordList<W> {
    words: [Option<W>; WORDS_MAX],
}

impl<W: Word> WordList<W> {
    /// No words.
    pub const EMPTY: Self = Self { words: [None; WORDS_MAX] };

    /// The words in order.
    pub fn iter(&self) -> impl Iterator<Item = W> {
        self.words.iter().map_while(|word| *word)
    }

    /// Whether `word` is in the list.
    #[inline]
    pub fn contains(&self, word: W) -> bool {
        self.words.contains(&Some(word))
    }

    /// Adds a word at the end, unless it is already there or the list is full.
    pub fn insert(&mut self, word: W) {
        if !self.contains(word)
            && let Some(place) = self.words.iter_mut().find(|place| place.is_none())
        {
            *place = Some(word);
        }
    }
}

impl<W: Word> Default for WordList<W> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<W: Word> FromIterator<W> for WordList<W> {
    fn from_iter<I: IntoIterator<Item = W>>(words: I) -> Self {
        let mut list = Self::EMPTY;
        for word in words {
            list.insert(word);
        }
        list
    }
}

impl<W: Word + Serialize> Serialize for WordList<W> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de, W: Word + Deserialize<'de>> Deserialize<'de> for WordList<W> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(WordListVisitor(PhantomData))
    }
}

struct WordListVisitor<W>(PhantomData<W>);

impl<'de, W: Word + Deserialize<'de>> Visitor<'de> for WordListVisitor<W> {
    type Value = WordList<W>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of words, each {}, one of {}", W::WHAT, W::list())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<WordList<W>, A::Error> {
        let mut list = WordList::EMPTY;
        while let Some(word) = seq.next_element()? {
            list.insert(word);
        }
        Ok(list)
    }
}
