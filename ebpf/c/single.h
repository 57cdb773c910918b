/* SPDX-License-Identifier: BSD-2-Clause */
/* dma:* of one contiguous piece, swiotlb:swiotlb_bounced, iommu:map and iommu:unmap. */
#ifndef BUSDMA_SINGLE_H
#define BUSDMA_SINGLE_H

#include "admit.h"

inlined int emit_single(u32 program, struct device *device, u64 phys, u64 dma, u64 size, u32 direction, u64 attributes)
{
	if (!admit_device(program, device, size))
		return 0;

	struct dma_record *record = reserve(struct dma_record, program);

	if (!record)
		return 0;
	begin(&record->header, program);
	read_name(record->device, device);
	record->dma = dma;
	record->phys = phys;
	record->size = size;
	record->attributes = attributes;
	record->direction = direction;
	record->reserved = 0;
	submit(record, program);
	return 0;
}

#define DEVICE(context) ((struct device *)(context)[0])

/* (device, phys, dma, size, direction, attributes) */
#define MAP(name, program)                                                                              \
	SEC("tp_btf/" #name) int name(u64 *context)                                                         \
	{                                                                                                   \
		return emit_single(program, DEVICE(context), context[1], context[2], context[3], context[4],   \
				   context[5]);                                                                 \
	}

MAP(dma_map_page, DMA_MAP_PAGE)
MAP(dma_map_phys, DMA_MAP_PHYS)
MAP(dma_map_resource, DMA_MAP_RESOURCE)

/* (device, dma, size, direction, attributes) */
#define UNMAP(name, program)                                                                            \
	SEC("tp_btf/" #name) int name(u64 *context)                                                         \
	{                                                                                                   \
		return emit_single(program, DEVICE(context), 0, context[1], context[2], context[3], context[4]); \
	}

UNMAP(dma_unmap_page, DMA_UNMAP_PAGE)
UNMAP(dma_unmap_phys, DMA_UNMAP_PHYS)
UNMAP(dma_unmap_resource, DMA_UNMAP_RESOURCE)

/* (device, virtual, dma, size, direction, gfp, attributes) */
#define ALLOC(name, program)                                                                            \
	SEC("tp_btf/" #name) int name(u64 *context)                                                         \
	{                                                                                                   \
		return emit_single(program, DEVICE(context), 0, context[2], context[3], context[4], context[6]); \
	}

ALLOC(dma_alloc, DMA_ALLOC)
ALLOC(dma_alloc_pages, DMA_ALLOC_PAGES)
ALLOC(dma_alloc_sgt_err, DMA_ALLOC_SGT_ERR)

/* (device, virtual, dma, size, direction, attributes) */
#define FREE(name, program)                                                                             \
	SEC("tp_btf/" #name) int name(u64 *context)                                                         \
	{                                                                                                   \
		return emit_single(program, DEVICE(context), 0, context[2], context[3], context[4], context[5]); \
	}

FREE(dma_free, DMA_FREE)
FREE(dma_free_pages, DMA_FREE_PAGES)

/* (device, dma, size, direction) */
#define SYNC(name, program)                                                                             \
	SEC("tp_btf/" #name) int name(u64 *context)                                                         \
	{                                                                                                   \
		return emit_single(program, DEVICE(context), 0, context[1], context[2], context[3], 0);         \
	}

SYNC(dma_sync_single_for_cpu, DMA_SYNC_SINGLE_FOR_CPU)
SYNC(dma_sync_single_for_device, DMA_SYNC_SINGLE_FOR_DEVICE)

inlined u32 force_of(struct device *device)
{
	if (!field_exists(struct device, dma_io_tlb_mem) || !field_exists(struct io_tlb_mem, force_bounce))
		return FORCE_UNKNOWN;

	struct io_tlb_mem *pool = device->dma_io_tlb_mem;

	return pool && pool->force_bounce ? FORCE_YES : FORCE_NO;
}

/* (device, addr, size) */
SEC("tp_btf/swiotlb_bounced") int swiotlb_bounced(u64 *context)
{
	struct device *device = DEVICE(context);

	if (!admit_device(SWIOTLB_BOUNCED, device, context[2]))
		return 0;

	struct bounced_record *record = reserve(struct bounced_record, SWIOTLB_BOUNCED);

	if (!record)
		return 0;
	begin(&record->header, SWIOTLB_BOUNCED);
	read_name(record->device, device);
	record->addr = context[1];
	record->size = context[2];
	record->force = force_of(device);
	record->reserved = 0;

	u64 *mask = device->dma_mask;

	/* A device without a mask reaches nothing. */
	if (bpf_probe_read_kernel(&record->mask, sizeof(record->mask), mask))
		record->mask = 0;
	submit(record, SWIOTLB_BOUNCED);
	return 0;
}

inlined int emit_iommu(u32 program, u64 iova, u64 phys, u64 size, u64 unmapped)
{
	if (!admit_nameless(program, size))
		return 0;

	struct iommu_record *record = reserve(struct iommu_record, program);

	if (!record)
		return 0;
	begin(&record->header, program);
	record->iova = iova;
	record->phys = phys;
	record->size = size;
	record->unmapped = unmapped;
	submit(record, program);
	return 0;
}

/* (iova, phys, size) */
SEC("tp_btf/map") int iommu_map(u64 *context)
{
	return emit_iommu(IOMMU_MAP, context[0], context[1], context[2], 0);
}

/* (iova, size, unmapped) */
SEC("tp_btf/unmap") int iommu_unmap(u64 *context)
{
	return emit_iommu(IOMMU_UNMAP, context[0], 0, context[1], context[2]);
}

#endif
