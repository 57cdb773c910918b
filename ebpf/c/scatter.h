/* SPDX-License-Identifier: BSD-2-Clause */
/* dma:* of scatter lists. */
#ifndef BUSDMA_SCATTER_H
#define BUSDMA_SCATTER_H

#include "single.h"

/* Low bits of page_link: this entry points at another array; this entry is the last. */
#define LINK_CHAIN 1ull
#define LINK_BITS 3ull
#define ENTRY_BYTES_MAX 40

/* More than any driver asks for at once. */
#define ENTRIES_MAX 65536

struct entry {
	u64 page_link;
	u64 dma_address;
	u32 offset;
	u32 length;
	u32 dma_length;
};

#define member(raw, type, as) (*(as *)((char *)(raw) + field_offset(struct scatterlist, type)))

inlined long read_entry(struct entry *entry, u64 from)
{
	u64 raw[ENTRY_BYTES_MAX / 8] = {};
	u32 bytes = type_size(struct scatterlist);

	if (bytes > sizeof(raw))
		bytes = sizeof(raw);
	if (bpf_probe_read_kernel(raw, bytes, (void *)from))
		return -1;
	entry->page_link = member(raw, page_link, u64);
	entry->offset = member(raw, offset, u32);
	entry->length = member(raw, length, u32);
	entry->dma_address = member(raw, dma_address, u64);
	if (field_exists(struct scatterlist, dma_length))
		entry->dma_length = member(raw, dma_length, u32);
	else
		entry->dma_length = entry->length;
	return 0;
}

/* What of each entry is kept: where it is, what the device is given, or first the one and then the other. */
enum kept {
	KEPT_MEMORY,
	KEPT_MAPPED,
	KEPT_BOTH,
};

struct walk {
	struct list_record *record;
	u64 at;
	u64 kept;
};

/* One step of bpf_loop, which the verifier goes through once: kernels with dma:* events are new enough for it. */
static long keep_entry(u64 index, struct walk *walk)
{
	u32 slot = (walk->kept == KEPT_BOTH ? index * 2 : index) & (PIECES - 1);
	struct piece *piece = &walk->record->pieces[slot];
	struct entry entry;

	if (read_entry(&entry, walk->at))
		return 1;
	if (entry.page_link & LINK_CHAIN) {
		walk->at = entry.page_link & ~LINK_BITS;
		if (read_entry(&entry, walk->at))
			return 1;
	}
	walk->at += type_size(struct scatterlist);
	walk->record->stored = slot + 1;
	if (walk->kept != KEPT_MAPPED) {
		piece->start = entry.page_link & ~LINK_BITS;
		piece->offset = entry.offset;
		piece->length = entry.length;
	}
	if (walk->kept == KEPT_MEMORY)
		return 0;
	if (walk->kept == KEPT_BOTH) {
		slot = (slot + 1) & (PIECES - 1);
		walk->record->stored = slot + 1;
	}
	piece = &walk->record->pieces[slot];
	piece->start = entry.dma_address;
	piece->offset = 0;
	piece->length = entry.dma_length;
	return 0;
}

/*
 * The address as a plain number: it goes through memory so that the verifier forgets what it points at, and does not go
 * through the loop once for each offset from the first entry.
 */
inlined u64 number_of(struct list_record *record, struct scatterlist *list)
{
	record->pieces[0].start = (u64)list;
	return *(volatile u64 *)&record->pieces[0].start;
}

/* Stores up to `entries` entries. A list that cannot be read gives fewer. */
inlined void keep_entries(struct list_record *record, struct scatterlist *list, u32 entries, enum kept kept)
{
	struct walk walk = {.record = record, .at = number_of(record, list), .kept = kept};
	u32 room = kept == KEPT_BOTH ? PIECES / 2 : PIECES;

	record->stored = 0;
	bpf_loop(entries < room ? entries : room, keep_entry, &walk, 0);
}

/* The sum is in the record because the verifier does not follow numbers there: it grows with every step. */
static long add_entry(u64 index, struct walk *walk)
{
	struct entry entry;

	if (read_entry(&entry, walk->at))
		return 1;
	if (entry.page_link & LINK_CHAIN) {
		walk->at = entry.page_link & ~LINK_BITS;
		if (read_entry(&entry, walk->at))
			return 1;
	}
	walk->at += type_size(struct scatterlist);
	walk->record->size += entry.length;
	return 0;
}

/* The bytes of a list, of which the tracepoints do not tell. */
inlined u64 bytes_of(struct list_record *record, struct scatterlist *list, u32 entries)
{
	struct walk walk = {.record = record, .at = number_of(record, list)};

	record->size = 0;
	bpf_loop(entries < ENTRIES_MAX ? entries : ENTRIES_MAX, add_entry, &walk, 0);
	return *(volatile u64 *)&record->size;
}

struct scatter {
	struct device *device;
	struct scatterlist *list;
	u64 dma;
	u64 size;
	u64 attributes;
	u32 direction;
	s32 error;
	u32 entries;
	u32 mapped;
	u32 longest;
};

/* `program`, `slot` and `kept` are no members because the verifier must see constants. */
inlined int emit_scatter(u32 program, u32 slot, enum kept kept, const struct scatter *told)
{
	struct list_record *record = bpf_map_lookup_elem(&scratch, &slot);

	if (!record)
		return 0;

	u64 size = told->size;

	if (!size && totalling())
		size = bytes_of(record, told->list, told->longest);
	if (!admit_device(program, told->device, size))
		return 0;
	begin(&record->header, program);
	read_name(record->device, told->device);
	record->dma = told->dma;
	record->size = told->size;
	record->attributes = told->attributes;
	record->direction = told->direction;
	record->error = told->error;
	record->entries = told->entries;
	record->mapped = told->mapped;
	record->reserved = 0;
	keep_entries(record, told->list, told->longest, kept);
	hand_over(record, record->stored, program);
	return 0;
}

inlined u32 not_negative(s32 entries)
{
	return entries < 0 ? 0 : entries;
}

/* (device, list, entries, mapped, direction, attributes) */
SEC("tp_btf/dma_map_sg") int dma_map_sg(u64 *context)
{
	const struct scatter told = {
		.device = DEVICE(context),
		.list = (struct scatterlist *)context[1],
		.entries = context[2],
		.mapped = context[3],
		.direction = context[4],
		.attributes = context[5],
		.longest = not_negative((s32)context[2] > (s32)context[3] ? context[2] : context[3]),
	};

	return emit_scatter(DMA_MAP_SG, SCRATCH_MAP_SG, KEPT_BOTH, &told);
}

/* (device, list, entries, error, direction, attributes) */
SEC("tp_btf/dma_map_sg_err") int dma_map_sg_err(u64 *context)
{
	const struct scatter told = {
		.device = DEVICE(context),
		.list = (struct scatterlist *)context[1],
		.entries = context[2],
		.error = context[3],
		.direction = context[4],
		.attributes = context[5],
		.longest = not_negative(context[2]),
	};

	return emit_scatter(DMA_MAP_SG_ERR, SCRATCH_MAP_SG_ERR, KEPT_MEMORY, &told);
}

/* (device, list, entries, direction, attributes) */
SEC("tp_btf/dma_unmap_sg") int dma_unmap_sg(u64 *context)
{
	const struct scatter told = {
		.device = DEVICE(context),
		.list = (struct scatterlist *)context[1],
		.entries = context[2],
		.direction = context[3],
		.attributes = context[4],
		.longest = not_negative(context[2]),
	};

	return emit_scatter(DMA_UNMAP_SG, SCRATCH_UNMAP_SG, KEPT_MEMORY, &told);
}

/* (device, list, entries, direction) */
#define SYNC_SG(name, id, scratch_slot)                                            \
	SEC("tp_btf/" #name) int name(u64 *context)                                    \
	{                                                                              \
		const struct scatter told = {                                              \
			.device = DEVICE(context),                                             \
			.list = (struct scatterlist *)context[1],                              \
			.entries = context[2],                                                 \
			.direction = context[3],                                               \
			.longest = not_negative(context[2]),                                   \
		};                                                                         \
                                                                                   \
		return emit_scatter(id, scratch_slot, KEPT_MAPPED, &told);                                   \
	}

SYNC_SG(dma_sync_sg_for_cpu, DMA_SYNC_SG_FOR_CPU, SCRATCH_SYNC_SG_FOR_CPU)
SYNC_SG(dma_sync_sg_for_device, DMA_SYNC_SG_FOR_DEVICE, SCRATCH_SYNC_SG_FOR_DEVICE)

inlined int emit_table(u32 program, u32 slot, u64 *context, u64 attributes)
{
	struct sg_table *table = (struct sg_table *)context[1];
	struct scatterlist *list = table->sgl;
	const struct scatter told = {
		.device = DEVICE(context),
		.list = list,
		.dma = list->dma_address,
		.size = context[2],
		.direction = context[3],
		.attributes = attributes,
		.entries = table->orig_nents,
		.longest = table->orig_nents,
	};

	return emit_scatter(program, slot, KEPT_MEMORY, &told);
}

/* (device, table, size, direction, gfp, attributes) */
SEC("tp_btf/dma_alloc_sgt") int dma_alloc_sgt(u64 *context)
{
	return emit_table(DMA_ALLOC_SGT, SCRATCH_ALLOC_SGT, context, context[5]);
}

/* (device, table, size, direction) */
SEC("tp_btf/dma_free_sgt") int dma_free_sgt(u64 *context)
{
	return emit_table(DMA_FREE_SGT, SCRATCH_FREE_SGT, context, 0);
}

#endif
