/* SPDX-License-Identifier: BSD-2-Clause */
/* What the programs hand over. ../common/src has the same structures, with the meaning of each member. */
#ifndef BUSDMA_RECORD_H
#define BUSDMA_RECORD_H

#include "kernel.h"

#define NAME_BYTES 32
#define PIECES 256
#define PROGRAM_SLOTS 32
#define SIZE_BUCKETS 32
#define CALIBRATION_PAGES 1024

/* In the order of busdma-ebpf-common's Program. */
enum program {
	DMA_MAP_PAGE,
	DMA_MAP_PHYS,
	DMA_MAP_RESOURCE,
	DMA_UNMAP_PAGE,
	DMA_UNMAP_PHYS,
	DMA_UNMAP_RESOURCE,
	DMA_MAP_SG,
	DMA_MAP_SG_ERR,
	DMA_UNMAP_SG,
	DMA_ALLOC,
	DMA_ALLOC_PAGES,
	DMA_ALLOC_SGT,
	DMA_ALLOC_SGT_ERR,
	DMA_FREE,
	DMA_FREE_PAGES,
	DMA_FREE_SGT,
	DMA_SYNC_SINGLE_FOR_CPU,
	DMA_SYNC_SINGLE_FOR_DEVICE,
	DMA_SYNC_SG_FOR_CPU,
	DMA_SYNC_SG_FOR_DEVICE,
	SWIOTLB_BOUNCED,
	IOMMU_MAP,
	IOMMU_UNMAP,
	BLOCK_RQ_ISSUE,
	BLOCK_RQ_COMPLETE,
	BLOCK_RQ_REQUEUE,
	BLOCK_BIO_QUEUE,
};

struct header {
	u64 at;
	u32 thread;
	u32 cpu;
	char task[16];
	u32 program;
	u32 reserved;
};

struct dma_record {
	struct header header;
	char device[NAME_BYTES];
	u64 dma;
	u64 phys;
	u64 size;
	u64 attributes;
	u32 direction;
	u32 reserved;
};

enum force {
	FORCE_NO,
	FORCE_YES,
	FORCE_UNKNOWN,
};

struct bounced_record {
	struct header header;
	char device[NAME_BYTES];
	u64 addr;
	u64 mask;
	u64 size;
	u32 force;
	u32 reserved;
};

struct iommu_record {
	struct header header;
	u64 iova;
	u64 phys;
	u64 size;
	u64 unmapped;
};

struct piece {
	u64 start;
	u32 offset;
	u32 length;
};

struct list_record {
	struct header header;
	char device[NAME_BYTES];
	u64 dma;
	u64 size;
	u64 attributes;
	u32 direction;
	s32 error;
	u32 entries;
	u32 mapped;
	u32 stored;
	u32 reserved;
	struct piece pieces[PIECES];
};

/* The operation as the kernel of the day numbers it differs; these do not. */
enum operation {
	OPERATION_READ,
	OPERATION_WRITE,
	OPERATION_FLUSH,
	OPERATION_DISCARD,
	OPERATION_SECURE_ERASE,
	OPERATION_WRITE_ZEROES,
	OPERATION_ZONE_APPEND,
	OPERATION_ZONE_OPEN,
	OPERATION_ZONE_CLOSE,
	OPERATION_ZONE_FINISH,
	OPERATION_ZONE_RESET,
	OPERATION_ZONE_RESET_ALL,
	OPERATION_PASSTHROUGH,
	OPERATION_OTHER,
};

#define OPERATION_PREFLUSH (1u << 8)
#define OPERATION_FUA (1u << 9)
#define OPERATION_RAHEAD (1u << 10)
#define OPERATION_SYNC (1u << 11)
#define OPERATION_META (1u << 12)
#define OPERATION_ATOMIC (1u << 13)

struct block_record {
	struct header header;
	u64 request;
	u64 sector;
	u32 disk;
	u32 bytes;
	u32 operation;
	u32 status;
};

struct request_record {
	struct block_record block;
	u32 stored;
	u32 truncated;
	struct piece pieces[PIECES];
};

enum mode {
	MODE_EVENTS,
	MODE_TOTALS,
};

struct config {
	u32 mode;
	u32 device_filter;
	u32 disk_filter;
	u32 reserved;
};

struct counters {
	u64 delivered[PROGRAM_SLOTS];
	u64 dropped[PROGRAM_SLOTS];
	u64 filtered[PROGRAM_SLOTS];
	u64 totalled[PROGRAM_SLOTS];
	u64 untotalled[PROGRAM_SLOTS];
};

struct total_key {
	char device[NAME_BYTES];
	u32 disk;
	u32 program;
};

struct total {
	u64 count;
	u64 bytes;
	u64 sizes[SIZE_BUCKETS];
};

struct calibration {
	u32 thread;
	u32 count;
	u32 page_struct_bytes;
	u32 reserved;
	u64 pages[CALIBRATION_PAGES];
};

_Static_assert(sizeof(struct header) == 40, "as in Rust");
_Static_assert(sizeof(struct dma_record) == 112, "as in Rust");
_Static_assert(sizeof(struct bounced_record) == 104, "as in Rust");
_Static_assert(sizeof(struct iommu_record) == 72, "as in Rust");
_Static_assert(sizeof(struct list_record) == 120 + 16 * PIECES, "as in Rust");
_Static_assert(sizeof(struct block_record) == 72, "as in Rust");
_Static_assert(sizeof(struct request_record) == 80 + 16 * PIECES, "as in Rust");
_Static_assert(sizeof(struct config) == 16, "as in Rust");
_Static_assert(sizeof(struct counters) == 5 * 8 * PROGRAM_SLOTS, "as in Rust");
_Static_assert(sizeof(struct total_key) == 40, "as in Rust");
_Static_assert(sizeof(struct total) == 16 + 8 * SIZE_BUCKETS, "as in Rust");
_Static_assert(sizeof(struct calibration) == 16 + 8 * CALIBRATION_PAGES, "as in Rust");

#endif
