/* A message's fields by descriptor: the one place that knows how protobuf-c lays out optional and
 * repeated fields. registers_init() has checked that each descriptor has the type that these
 * functions take for granted. */
#ifndef PROTO_MESSAGE_H
#define PROTO_MESSAGE_H

#include "proto/registers.h"

static inline void *message_at(const ProtobufCMessage *m, unsigned offset)
{
	return (char *)(uintptr_t)m + offset;
}

/* Optional fields: is it there? */
static inline bool message_has(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *pb)
{
	return *(const protobuf_c_boolean *)message_at(m, pb->quantifier_offset) != 0;
}

static inline struct text message_text(
	const ProtobufCMessage *m, const ProtobufCFieldDescriptor *pb)
{
	const ProtobufCBinaryData *b = message_at(m, pb->offset);

	return (struct text){ (const char *)b->data, b->len };
}

/* The bytes are borrowed for the life of the message. */
static inline void message_set_text(
	ProtobufCMessage *m, const ProtobufCFieldDescriptor *pb, struct text t)
{
	ProtobufCBinaryData *b = message_at(m, pb->offset);

	b->data = (uint8_t *)(uintptr_t)t.p;
	b->len = t.n;
	*(protobuf_c_boolean *)message_at(m, pb->quantifier_offset) = 1;
}

/* Any of uint32, int64 and bool. */
static inline int64_t message_number(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *pb)
{
	const void *at = message_at(m, pb->offset);

	switch (pb->type) {
	case PROTOBUF_C_TYPE_INT64:
		return *(const int64_t *)at;
	case PROTOBUF_C_TYPE_BOOL:
		return *(const protobuf_c_boolean *)at;
	default:
		return *(const uint32_t *)at;
	}
}

static inline void message_set_number(
	ProtobufCMessage *m, const ProtobufCFieldDescriptor *pb, int64_t v)
{
	void *at = message_at(m, pb->offset);

	switch (pb->type) {
	case PROTOBUF_C_TYPE_INT64:
		*(int64_t *)at = v;
		break;
	case PROTOBUF_C_TYPE_BOOL:
		*(protobuf_c_boolean *)at = v != 0;
		break;
	default:
		*(uint32_t *)at = (uint32_t)v;
	}
	*(protobuf_c_boolean *)message_at(m, pb->quantifier_offset) = 1;
}

/* Repeated bytes: the list and its length. */
static inline const ProtobufCBinaryData *message_list(
	const ProtobufCMessage *m, const ProtobufCFieldDescriptor *pb, size_t *n)
{
	*n = *(const size_t *)message_at(m, pb->quantifier_offset);
	return *(ProtobufCBinaryData *const *)message_at(m, pb->offset);
}

static inline void message_set_list(ProtobufCMessage *m, const ProtobufCFieldDescriptor *pb,
	ProtobufCBinaryData *list, size_t n)
{
	*(ProtobufCBinaryData **)message_at(m, pb->offset) = list;
	*(size_t *)message_at(m, pb->quantifier_offset) = n;
}

#endif
