/* Records out of words: `record_of(&a, "certificate", "kind=qualification level=3")`. */
#ifndef TESTS_UNIT_TALENT_FIXTURE_H
#define TESTS_UNIT_TALENT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "daemon/talent/talent_rules.h"
#include "proto/message.h"
#include "proto/parse.h"

static const uint8_t some_pid[PID_BYTES] = { 0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe };

static inline void field_put(struct arena *a, struct record *r, struct text name, struct text value)
{
	int i = register_field(r->reg, name);
	const struct field *f;
	int64_t number;

	if (i < 0)
		fail_msg("%s has no field %.*s", r->reg->name, (int)name.n, name.p);
	f = &r->reg->fields[i];
	if (f->type == FIELD_CODES) {
		ProtobufCBinaryData *one = arena_alloc(a, sizeof(*one));

		*one = (ProtobufCBinaryData){ value.n, (uint8_t *)(uintptr_t)value.p };
		message_set_list(r->msg, f->pb, one, 1);
	} else if (f->type == FIELD_KEY || f->type == FIELD_TEXT || f->type == FIELD_CODE ||
		   f->type == FIELD_USCC || f->type == FIELD_OCC) {
		message_set_text(r->msg, f->pb, value);
	} else {
		if (!parse_number(f->type, value, &number))
			fail_msg("%s: %.*s is no number", f->name, (int)value.n, value.p);
		message_set_number(r->msg, f->pb, number);
	}
}

/* Of the person `pid`, NULL: of nobody. `words` are FIELD=VALUE with spaces between. */
static inline struct record record_of_person(
	struct arena *a, const char *reg, const char *words, const uint8_t *pid)
{
	struct record r = { register_find(text_of(reg)), NULL };
	struct identity id = { .birth_year = 1905, .sex = SEX_FEMALE, .present = true };
	static const uint8_t tag[NAME_TAG_BYTES] = { 1 };

	assert_non_null(r.reg);
	r.msg = arena_alloc(a, r.reg->pb->sizeof_message);
	protobuf_c_message_init(r.reg->pb, r.msg);
	while (*words) {
		size_t n = strcspn(words, " "), k = strcspn(words, "=");

		field_put(a, &r, (struct text){ words, k },
			(struct text){ words + k + 1, n - k - 1 });
		words += n;
		words += *words == ' ';
	}
	if (pid)
		record_set_person(&r, 0, &id, pid, tag);
	return r;
}
static inline struct record record_of(struct arena *a, const char *reg, const char *words)
{
	return record_of_person(a, reg, words, some_pid);
}

static inline struct talent_rules *rules_of(const char *text)
{
	struct form_source file = { "test.rule", text };
	struct errmsg m = { "" };
	struct talent_rules *t = talent_rules_open(&file, 1, &m);

	if (!t)
		fail_msg("%s", m.text);
	return t;
}

#endif
