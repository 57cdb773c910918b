/* SPDX-License-Identifier: BSD-2-Clause */
/* The maps, and what happens before a record is written: the filter, the totals, the count of what became of runs. */
#ifndef BUSDMA_ADMIT_H
#define BUSDMA_ADMIT_H

#include "record.h"

/* Scatter lists are put together outside the ring, because their size is known only after the walk. */
enum scratch_slot {
	SCRATCH_MAP_SG,
	SCRATCH_MAP_SG_ERR,
	SCRATCH_UNMAP_SG,
	SCRATCH_ALLOC_SGT,
	SCRATCH_FREE_SGT,
	SCRATCH_SYNC_SG_FOR_CPU,
	SCRATCH_SYNC_SG_FOR_DEVICE,
	SCRATCH_RQ_ISSUE,
	SCRATCH_RQ_REQUEUE,
	SCRATCH_SLOTS,
};

struct {
	map_number(type, BPF_MAP_TYPE_RINGBUF);
	map_number(max_entries, 4 << 20);
} events SEC(".maps");

struct {
	map_number(type, BPF_MAP_TYPE_ARRAY);
	map_number(max_entries, 1);
	map_type(key, u32);
	map_type(value, struct config);
} config SEC(".maps");

struct {
	map_number(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	map_number(max_entries, 1);
	map_type(key, u32);
	map_type(value, struct counters);
} counters SEC(".maps");

struct {
	map_number(type, BPF_MAP_TYPE_HASH);
	map_number(max_entries, 256);
	map_type(key, char[NAME_BYTES]);
	map_type(value, u8);
} devices SEC(".maps");

struct {
	map_number(type, BPF_MAP_TYPE_HASH);
	map_number(max_entries, 256);
	map_type(key, u32);
	map_type(value, u8);
} disks SEC(".maps");

struct {
	map_number(type, BPF_MAP_TYPE_PERCPU_HASH);
	map_number(max_entries, 2048);
	map_type(key, struct total_key);
	map_type(value, struct total);
} totals SEC(".maps");

/*
 * One slot for each program: the kernel never runs a program inside itself on one processor, but an interrupt may run
 * another program in the middle of one.
 */
struct {
	map_number(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	map_number(max_entries, SCRATCH_SLOTS);
	map_type(key, u32);
	map_type(value, struct list_record);
} scratch SEC(".maps");

static const struct total no_total;

#define count(what, program)                                              \
	do {                                                                  \
		u32 only = 0;                                                     \
		struct counters *counts = bpf_map_lookup_elem(&counters, &only);  \
		if (counts)                                                       \
			counts->what[program] += 1;                                   \
	} while (0)

inlined void read_name(char *name, struct device *device)
{
	const char *from = device->init_name;

	if (!from)
		from = device->kobj.name;
	if (bpf_probe_read_kernel_str(name, NAME_BYTES, from) < 0)
		name[0] = 0;
}

/* The bucket of sizes from 2^n up to but not including 2^(n+1); 0 is in the first, all from 2^31 in the last. */
inlined u32 size_bucket(u64 bytes)
{
	u32 low = bytes > 0xffffffff ? 0xffffffff : bytes;
	u32 bucket = 0;

	if (low >> 16) {
		bucket += 16;
		low >>= 16;
	}
	if (low >> 8) {
		bucket += 8;
		low >>= 8;
	}
	if (low >> 4) {
		bucket += 4;
		low >>= 4;
	}
	if (low >> 2) {
		bucket += 2;
		low >>= 2;
	}
	if (low >> 1)
		bucket += 1;
	return bucket & (SIZE_BUCKETS - 1);
}

/* `program` is the key's: the verifier must see a constant. */
inlined void add_to_total(u32 program, const struct total_key *key, u64 bytes)
{
	struct total *total = bpf_map_lookup_elem(&totals, key);

	if (!total) {
		bpf_map_update_elem(&totals, key, &no_total, BPF_NOEXIST);
		total = bpf_map_lookup_elem(&totals, key);
	}
	if (!total) {
		count(untotalled, program);
		return;
	}
	total->count += 1;
	total->bytes += bytes;
	total->sizes[size_bucket(bytes)] += 1;
	count(totalled, program);
}

inlined struct config *configuration(void)
{
	u32 only = 0;

	return bpf_map_lookup_elem(&config, &only);
}

inlined int totalling(void)
{
	struct config *set = configuration();

	return set && set->mode == MODE_TOTALS;
}

/* Whether a record is to be written. If not, the run is accounted for. */
inlined int admit_device(u32 program, struct device *device, u64 bytes)
{
	struct config *set = configuration();

	if (!set || (set->mode == MODE_EVENTS && !set->device_filter))
		return 1;

	struct total_key key = {.program = program};

	read_name(key.device, device);
	if (set->device_filter && !bpf_map_lookup_elem(&devices, key.device)) {
		count(filtered, program);
		return 0;
	}
	if (set->mode == MODE_EVENTS)
		return 1;
	add_to_total(program, &key, bytes);
	return 0;
}

/* As above; `disk` is the number of the whole disk. */
inlined int admit_disk(u32 program, u32 disk, u64 bytes)
{
	struct config *set = configuration();

	if (!set)
		return 1;
	if (set->disk_filter && !bpf_map_lookup_elem(&disks, &disk)) {
		count(filtered, program);
		return 0;
	}
	if (set->mode == MODE_EVENTS)
		return 1;

	struct total_key key = {.program = program, .disk = disk};

	add_to_total(program, &key, bytes);
	return 0;
}

/* As above, for what names neither a device nor a disk, and so passes every filter. */
inlined int admit_nameless(u32 program, u64 bytes)
{
	struct config *set = configuration();

	if (!set || set->mode == MODE_EVENTS)
		return 1;

	struct total_key key = {.program = program};

	add_to_total(program, &key, bytes);
	return 0;
}

/* One call and loads where the kernel allows it: two calls take some 80 ns more. */
inlined void name_task(struct header *header)
{
	if (enum_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf)) {
		struct task_struct *task = bpf_get_current_task_btf();
		const u64 *name = (const u64 *)((const char *)task + field_offset(struct task_struct, comm));
		u64 *to = (u64 *)header->task;

		header->thread = task->pid;
		to[0] = name[0];
		to[1] = name[1];
	} else {
		header->thread = bpf_get_current_pid_tgid();
		bpf_get_current_comm(header->task, sizeof(header->task));
	}
}

inlined void begin(struct header *header, u32 program)
{
	header->at = bpf_ktime_get_ns();
	header->cpu = bpf_get_smp_processor_id();
	header->program = program;
	header->reserved = 0;
	name_task(header);
}

/* Room for a record of fixed size; without room the run is counted as dropped. */
#define reserve(type, program)                                            \
	({                                                                    \
		type *reserved = bpf_ringbuf_reserve(&events, sizeof(type), 0);   \
		if (!reserved)                                                    \
			count(dropped, program);                                      \
		reserved;                                                         \
	})

#define submit(record, program)                                           \
	do {                                                                  \
		bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);                     \
		count(delivered, program);                                        \
	} while (0)

/*
 * Hands over a scratch record with `stored` pieces. The number is read back from memory so that the verifier forgets it:
 * it would otherwise go through all that follows once for each number of pieces.
 */
#define hand_over(record, stored, program)                                                                        \
	do {                                                                                                          \
		u32 pieces = *(volatile u32 *)&(stored);                                                                  \
		if (pieces > PIECES)                                                                                      \
			pieces = PIECES;                                                                                      \
		if (bpf_ringbuf_output(&events, record,                                                                   \
				       sizeof(*(record)) - sizeof((record)->pieces) + pieces * sizeof(struct piece),              \
				       BPF_RB_NO_WAKEUP) == 0)                                                                    \
			count(delivered, program);                                                                            \
		else                                                                                                      \
			count(dropped, program);                                                                              \
	} while (0)

#endif
