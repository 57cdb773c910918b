/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The programs, one for each tracepoint and named as it is, but for iommu_map and iommu_unmap on iommu:map and unmap.
 *
 * single.h, scatter.h and block.h hold them by the shape of what they tell; admit.h is what all of them do first.
 */
#include "kernel.h"
#include "record.h"
#include "admit.h"
#include "single.h"
#include "scatter.h"
#include "block.h"

struct {
	map_number(type, BPF_MAP_TYPE_ARRAY);
	map_number(max_entries, 1);
	map_type(key, u32);
	map_type(value, struct calibration);
} calibration SEC(".maps");

/* (page, order, gfp, migratetype): the page structures that one thread is given, to be paired with their frames. */
SEC("tp_btf/mm_page_alloc") int calibrate(u64 *context)
{
	u32 only = 0;
	struct calibration *samples = bpf_map_lookup_elem(&calibration, &only);

	if (!samples || (u32)context[1] || samples->thread != (u32)bpf_get_current_pid_tgid())
		return 0;

	u32 index = samples->count;

	if (index >= CALIBRATION_PAGES)
		return 0;
	samples->pages[index] = context[0];
	samples->count = index + 1;
	samples->page_struct_bytes = type_size(struct page);
	return 0;
}

/* The kernel lets only programs that say so read its memory. */
char licence_of_programs[] SEC("license") = "Dual BSD/GPL";
