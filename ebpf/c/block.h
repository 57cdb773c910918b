/* SPDX-License-Identifier: BSD-2-Clause */
/* block:*, with the memory of each request. */
#ifndef BUSDMA_BLOCK_H
#define BUSDMA_BLOCK_H

#include "admit.h"

#define DISK_NUMBER(major, minor) ((u32)(major) << 20 | (u32)(minor))
#define SECTOR_SHIFT 9

#define is_operation(op, name) (enum_exists(enum req_op, name) && (op) == enum_value(enum req_op, name))
#define has_flag(flags, name) \
	(enum_exists(enum req_flag_bits, name) && ((flags) >> enum_value(enum req_flag_bits, name) & 1))

inlined u32 kind_of(u32 flags)
{
	u32 op = flags & 0xff;

	if (is_operation(op, REQ_OP_READ))
		return OPERATION_READ;
	if (is_operation(op, REQ_OP_WRITE))
		return OPERATION_WRITE;
	if (is_operation(op, REQ_OP_FLUSH))
		return OPERATION_FLUSH;
	if (is_operation(op, REQ_OP_DISCARD))
		return OPERATION_DISCARD;
	if (is_operation(op, REQ_OP_SECURE_ERASE))
		return OPERATION_SECURE_ERASE;
	if (is_operation(op, REQ_OP_WRITE_ZEROES))
		return OPERATION_WRITE_ZEROES;
	if (is_operation(op, REQ_OP_DRV_IN) || is_operation(op, REQ_OP_DRV_OUT))
		return OPERATION_PASSTHROUGH;
	if (is_operation(op, REQ_OP_ZONE_APPEND))
		return OPERATION_ZONE_APPEND;
	if (is_operation(op, REQ_OP_ZONE_OPEN))
		return OPERATION_ZONE_OPEN;
	if (is_operation(op, REQ_OP_ZONE_CLOSE))
		return OPERATION_ZONE_CLOSE;
	if (is_operation(op, REQ_OP_ZONE_FINISH))
		return OPERATION_ZONE_FINISH;
	if (is_operation(op, REQ_OP_ZONE_RESET))
		return OPERATION_ZONE_RESET;
	if (is_operation(op, REQ_OP_ZONE_RESET_ALL))
		return OPERATION_ZONE_RESET_ALL;
	return OPERATION_OTHER;
}

inlined u32 operation_of(u32 flags)
{
	u32 operation = kind_of(flags);

	if (has_flag(flags, __REQ_PREFLUSH))
		operation |= OPERATION_PREFLUSH;
	if (has_flag(flags, __REQ_FUA))
		operation |= OPERATION_FUA;
	if (has_flag(flags, __REQ_RAHEAD))
		operation |= OPERATION_RAHEAD;
	if (has_flag(flags, __REQ_SYNC))
		operation |= OPERATION_SYNC;
	if (has_flag(flags, __REQ_META))
		operation |= OPERATION_META;
	if (has_flag(flags, __REQ_ATOMIC))
		operation |= OPERATION_ATOMIC;
	return operation;
}

inlined int has_memory(u32 operation)
{
	u32 kind = operation & 0xff;

	return kind == OPERATION_READ || kind == OPERATION_WRITE || kind == OPERATION_ZONE_APPEND ||
	       kind == OPERATION_PASSTHROUGH;
}

/* A request of no disk has a null pointer here, through which the kernel lets a program read zeros. */
inlined u32 disk_of(struct request *request)
{
	struct gendisk *disk;

	if (field_exists(struct request_queue, disk))
		disk = request->q->disk;
	else
		disk = request->rq_disk;
	return DISK_NUMBER(disk->major, disk->first_minor);
}

inlined void describe(struct block_record *record, struct request *request, u32 program, u32 disk, u32 bytes)
{
	begin(&record->header, program);
	record->request = (u64)request;
	record->disk = disk;
	record->bytes = bytes;
	record->operation = operation_of(request->cmd_flags);
	record->sector = (record->operation & 0xff) == OPERATION_PASSTHROUGH ? 0 : request->__sector;
	record->status = 0;
}

/* One loop over all pieces of all bios: a loop in a loop has too many paths for the verifier. */
inlined void walk_bios(struct request_record *record, struct bio *bio)
{
	u64 vectors = 0;
	u32 index = 0, skip = 0, left = 0, stored = 0;

	for (u32 i = 0; i < PIECES; i++) {
		if (!left) {
			if (!bio)
				break;
			left = bio->bi_iter.bi_size;
			index = bio->bi_iter.bi_idx;
			skip = bio->bi_iter.bi_bvec_done;
			if (bpf_probe_read_kernel(&vectors, sizeof(vectors), &bio->bi_io_vec))
				break;
			bio = bio->bi_next;
			if (!left)
				break;
		}

		u64 raw[2] = {};

		if (bpf_probe_read_kernel(raw, sizeof(raw), (void *)(vectors + (u64)index * sizeof(raw))))
			break;

		u64 page = *(u64 *)((char *)raw + field_offset(struct bio_vec, bv_page));
		u32 offset = *(u32 *)((char *)raw + field_offset(struct bio_vec, bv_offset));
		u32 length = *(u32 *)((char *)raw + field_offset(struct bio_vec, bv_len));

		length -= skip;
		if (length > left)
			length = left;
		record->pieces[i].start = page;
		record->pieces[i].offset = offset + skip;
		record->pieces[i].length = length;
		left -= length;
		index += 1;
		skip = 0;
		stored = i + 1;
	}
	record->stored = stored;
	record->truncated = left || bio;
}

inlined int emit_request(u32 program, u32 slot, struct request *request)
{
	u32 disk = disk_of(request);
	u32 bytes = request->__data_len;

	if (!admit_disk(program, disk, bytes))
		return 0;

	struct request_record *record = bpf_map_lookup_elem(&scratch, &slot);

	if (!record)
		return 0;
	describe(&record->block, request, program, disk, bytes);
	record->stored = 0;
	record->truncated = 0;
	if (has_memory(record->block.operation) && bytes)
		walk_bios(record, request->bio);
	hand_over(record, record->stored, program);
	return 0;
}

/* (request) */
SEC("tp_btf/block_rq_issue") int block_rq_issue(u64 *context)
{
	return emit_request(BLOCK_RQ_ISSUE, SCRATCH_RQ_ISSUE, (struct request *)context[0]);
}

/* (request) */
SEC("tp_btf/block_rq_requeue") int block_rq_requeue(u64 *context)
{
	return emit_request(BLOCK_RQ_REQUEUE, SCRATCH_RQ_REQUEUE, (struct request *)context[0]);
}

/* (request, status, bytes) */
SEC("tp_btf/block_rq_complete") int block_rq_complete(u64 *context)
{
	struct request *request = (struct request *)context[0];
	u32 disk = disk_of(request);
	u32 bytes = context[2];

	if (!admit_disk(BLOCK_RQ_COMPLETE, disk, bytes))
		return 0;

	struct block_record *record = reserve(struct block_record, BLOCK_RQ_COMPLETE);

	if (!record)
		return 0;
	describe(record, request, BLOCK_RQ_COMPLETE, disk, bytes);
	record->sector = request->__sector;
	record->status = context[1] & 0xff;
	submit(record, BLOCK_RQ_COMPLETE);
	return 0;
}

/* (bio). The record names the partition, as the kernel's own text does; the filter and the totals go by whole disk. */
SEC("tp_btf/block_bio_queue") int block_bio_queue(u64 *context)
{
	struct bio *bio = (struct bio *)context[0];
	struct gendisk *disk = bio->bi_bdev->bd_disk;
	u32 bytes = bio->bi_iter.bi_size;

	if (!admit_disk(BLOCK_BIO_QUEUE, DISK_NUMBER(disk->major, disk->first_minor), bytes))
		return 0;

	struct block_record *record = reserve(struct block_record, BLOCK_BIO_QUEUE);

	if (!record)
		return 0;
	begin(&record->header, BLOCK_BIO_QUEUE);
	record->request = 0;
	record->sector = bio->bi_iter.bi_sector;
	record->disk = bio->bi_bdev->bd_dev;
	record->bytes = bytes;
	record->operation = operation_of(bio->bi_opf);
	record->status = 0;
	submit(record, BLOCK_BIO_QUEUE);
	return 0;
}

#endif
