/* Figures as text, and the text in entries.
 *
 * The text is cut into slices that, compressed each by itself, fit into an entry: about 100 kB of
 * lines become 12 kB. A slice is first tried at SLICE_MOST; when it does not shrink enough, it is
 * made shorter by what it lacked, and tried again. So a part can be read alone, and a reader's
 * memory is bounded by what the part says before it is opened.
 *
 *	entry (kind FIGURES): part 1 of n ‖ raw_size ‖ zstd(lines …)
 *	entry (kind FIGURES): part 2 of n ‖ …
 *	entry (kind RETURN or VERSION): position of the first, n, digest of the whole text
 *
 * All of them are appended by one job: whoever reads the last finds the others. */
#include "daemon/figures/frozen.h"

#include <stdlib.h>
#include <zstd.h>

#include "proto/entry.pb-c.h"
#include "proto/survey.pb-c.h"

#define SLICE_MOST (128u * 1024)
#define SLICE_LEVEL 9
/* What an entry may spend on a slice; the rest is for what stands around it. */
#define PACKED_MOST (LEDGER_ENTRY_MAX - 512)
#define PART_MEMORY (64u * 1024) /* for one body, unpacked */

/* ---- text ---- */

static int hold_all(const struct frozen_ask *a, struct figures *all, struct store_txn *views)
{
	int err = 0;

	for (size_t i = 0; i < a->n_areas && !err; i++) {
		all[i].area = a->areas[i];
		err = figures_open(&all[i], views);
	}
	return err ? err : figures_hold(all, a->n_areas);
}

/* The lines of one kind of figures: all areas are opened together only where one's lines depend on
 * the others. */
static int lines_of(
	const struct frozen_ask *a, bool cumulative, struct store_txn *views, struct buf *out)
{
	struct figures_lines how = {
		.before = cumulative ? "1," : "0,", .after = "\n", .closed = a->closed
	};
	bool together = a->form->publish != NULL;
	struct figures *all = calloc(a->n_areas + 1, sizeof(*all));
	int err = all ? 0 : ERR_NOMEM;

	for (size_t i = 0; i < a->n_areas && !err; i++)
		all[i] = (struct figures){ .form = a->form,
			.period = a->period,
			.cumulative = cumulative,
			.areas = a->areas,
			.n_areas = a->n_areas };
	if (!err && together)
		err = hold_all(a, all, views);
	for (size_t i = 0; i < a->n_areas && !err; i++) {
		if (a->only && a->only != a->areas[i])
			continue;
		if (!together) {
			all[i].area = a->areas[i];
			err = figures_open(&all[i], views);
		}
		if (!err)
			figures_lines(out, &all[i], &how);
		if (!together)
			figures_close(&all[i]);
		if (!err && out->failed)
			err = out->n > FROZEN_TEXT_MAX / 2 ? ERR_LIMIT : ERR_NOMEM;
	}
	for (size_t i = 0; all && i < a->n_areas; i++)
		figures_close(&all[i]);
	free(all);
	return err;
}

int frozen_text(const struct frozen_ask *a, struct store_txn *views, struct buf *out)
{
	const struct form *f = a->form;
	bool month = a->period.kind == PERIOD_MONTH;
	int err = 0;

	if (!(f->periods & 1u << a->period.kind) || !a->n_areas)
		return ERR_INVALID;
	out->limit = out->n + FROZEN_TEXT_MAX;
	if (!month || !f->always_cumulative)
		err = lines_of(a, false, views, out);
	if (!err && month && f->cumulative)
		err = lines_of(a, true, views, out);
	out->limit = 0;
	return err;
}

bool frozen_line_next(struct text *rest, struct frozen_line *out)
{
	const char *end = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
	struct text fields[FORM_DIMS_MAX + 6];
	size_t n = 0;

	if (!end)
		return false;
	*out = (struct frozen_line){ .whole = { rest->p, (size_t)(end - rest->p) } };
	for (const char *p = rest->p;; p++) {
		const char *comma = memchr(p, ',', (size_t)(end - p));

		if (n == FORM_DIMS_MAX + 6)
			return false;
		fields[n++] = (struct text){ p, (size_t)((comma ? comma : end) - p) };
		if (!comma)
			break;
		p = comma;
	}
	if (n < 6 || fields[0].n != 1 || fields[1].n == 0 || fields[1].n > 9)
		return false;
	out->cumulative = fields[0].p[0] == '1';
	for (size_t i = 0; i < fields[1].n; i++)
		out->area = out->area * 10 + (uint32_t)(fields[1].p[i] - '0');
	out->n_dims = n - 6;
	memcpy(out->dims, fields + 2, out->n_dims * sizeof(*out->dims));
	out->measure = fields[n - 4];
	out->value = fields[n - 3];
	out->obs = fields[n - 2];
	out->conf = fields[n - 1];
	out->cell = (struct text){ fields[1].p,
		(size_t)(out->measure.p + out->measure.n - fields[1].p) };
	*rest = (struct text){ end + 1, rest->n - out->whole.n - 1 };
	return true;
}

/* ---- packing ---- */

struct packing {
	struct frozen *f;
	ZSTD_CCtx *zstd;
	struct buf packed; /* a slice */
	struct {
		uint32_t raw;
		size_t from, n; /* in `slices` */
	} * parts;
	struct buf slices;
};

/* Packs a slice of at most `room` bytes from the text's front into p->packed; its length, 0 on an
 * error. */
static size_t slice_pack(struct packing *p, struct text rest)
{
	size_t n = rest.n < SLICE_MOST ? rest.n : SLICE_MOST;

	for (;;) {
		size_t room = ZSTD_compressBound(n), got;
		void *to;

		buf_reset(&p->packed);
		to = buf_room(&p->packed, room);
		if (!to)
			return 0;
		got = ZSTD_compressCCtx(p->zstd, to, room, rest.p, n, SLICE_LEVEL);
		if (ZSTD_isError(got))
			return 0;
		p->packed.n = got;
		if (got <= PACKED_MOST)
			return n;
		/* never without end: at half of what an entry holds even noise fits */
		n = n / 10 * 9 * PACKED_MOST / got;
		if (n < PACKED_MOST / 2)
			n = PACKED_MOST / 2;
	}
}

static int slices_make(struct packing *p, struct text rest)
{
	while (rest.n) {
		size_t n;

		if (p->f->n == FROZEN_PARTS_MAX)
			return ERR_LIMIT;
		n = slice_pack(p, rest);
		if (!n)
			return ERR_NOMEM;
		p->parts[p->f->n].raw = (uint32_t)n;
		p->parts[p->f->n].from = p->slices.n;
		p->parts[p->f->n++].n = p->packed.n;
		buf_text(&p->slices, buf_as_text(&p->packed));
		rest.p += n;
		rest.n -= n;
	}
	return p->slices.failed ? ERR_NOMEM : 0;
}

static ProtobufCBinaryData binary(const void *p, size_t n)
{
	return (ProtobufCBinaryData){ n, (uint8_t *)(uintptr_t)p };
}

/* The body of part i as its kind's message. */
static void body_make(struct packing *p, uint32_t i)
{
	struct frozen *f = p->f;
	Tally__Figures figures = TALLY__FIGURES__INIT;
	Tally__Forms forms = TALLY__FORMS__INIT;
	ProtobufCBinaryData bytes = binary(p->slices.p + p->parts[i].from, p->parts[i].n);
	uint8_t *to = buf_room(&f->bodies, LEDGER_ENTRY_MAX);

	if (!to)
		return;
	if (f->kind == FROZEN_FIGURES) {
		figures.has_part = figures.has_parts = figures.has_raw_size = figures.has_bytes =
			true;
		figures.part = i + 1;
		figures.parts = f->n;
		figures.raw_size = p->parts[i].raw;
		figures.bytes = bytes;
		f->bodies.n += tally__figures__pack(&figures, to);
	} else {
		forms.has_part = forms.has_parts = forms.has_raw_size = forms.has_bytes =
			forms.has_digest = true;
		forms.part = i + 1;
		forms.parts = f->n;
		forms.digest = binary(f->digest, HASH_BYTES);
		forms.raw_size = p->parts[i].raw;
		forms.bytes = bytes;
		f->bodies.n += tally__forms__pack(&forms, to);
	}
	f->ends[i] = f->bodies.n;
}

int frozen_pack(struct frozen *f, enum frozen_kind kind, struct text text)
{
	struct packing p = { .f = f };
	int err = ERR_NOMEM;

	*f = (struct frozen){ .kind = kind };
	if (text.n > FROZEN_TEXT_MAX)
		return ERR_LIMIT;
	hash_entry(f->digest, text);
	p.zstd = ZSTD_createCCtx();
	p.parts = calloc(FROZEN_PARTS_MAX, sizeof(*p.parts));
	if (p.zstd && p.parts)
		err = slices_make(&p, text);
	if (!err) {
		f->ends = calloc(f->n + 1, sizeof(*f->ends));
		for (uint32_t i = 0; f->ends && i < f->n; i++)
			body_make(&p, i);
		err = f->ends && !f->bodies.failed ? 0 : ERR_NOMEM;
	}
	ZSTD_freeCCtx(p.zstd);
	free(p.parts);
	buf_deinit(&p.packed);
	buf_deinit(&p.slices);
	if (err)
		frozen_deinit(f);
	return err;
}

void frozen_deinit(struct frozen *f)
{
	buf_deinit(&f->bodies);
	free(f->ends);
	f->ends = NULL;
	f->n = 0;
}

uint64_t frozen_append(struct store_txn *t, struct ledger *l, const struct frozen *f,
	const struct entry_draft *like)
{
	uint64_t first = 0;

	for (uint32_t i = 0; i < f->n; i++) {
		size_t from = i ? f->ends[i - 1] : 0;
		struct entry_draft d = { .origin = like->origin,
			.kind = f->kind == FROZEN_FIGURES ? TALLY__ENTRY_KIND__FIGURES
							  : TALLY__ENTRY_KIND__FORMS,
			.at_ms = like->at_ms,
			.author = like->author,
			.body = { f->bodies.p + from, f->ends[i] - from } };
		uint64_t at = ledger_append(t, l, &d);

		if (!at)
			return 0;
		first = first ? first : at;
	}
	return first;
}

/* ---- reading back ---- */

struct slice {
	bool whole; /* nothing is missing */
	uint32_t part, parts, raw;
	ProtobufCBinaryData bytes;
};

static bool slice_get(enum frozen_kind kind, struct text body, struct arena *a, struct slice *s)
{
	if (kind == FROZEN_FIGURES) {
		Tally__Figures *m = tally__figures__unpack(&a->pb, body.n, (const uint8_t *)body.p);

		if (!m || !m->has_part || !m->has_parts || !m->has_raw_size || !m->has_bytes)
			return false;
		*s = (struct slice){ true, m->part, m->parts, m->raw_size, m->bytes };
	} else {
		Tally__Forms *m = tally__forms__unpack(&a->pb, body.n, (const uint8_t *)body.p);

		if (!m || !m->has_part || !m->has_parts || !m->has_raw_size || !m->has_bytes)
			return false;
		*s = (struct slice){ true, m->part, m->parts, m->raw_size, m->bytes };
	}
	return true;
}

static int slice_open(const struct slice *s, struct buf *out)
{
	void *to;
	size_t n;

	if (s->raw == 0 || s->raw > SLICE_MOST)
		return ERR_INVALID;
	if (out->n + s->raw > FROZEN_TEXT_MAX)
		return ERR_LIMIT;
	to = buf_room(out, s->raw);
	if (!to)
		return ERR_NOMEM;
	n = ZSTD_decompress(to, s->raw, s->bytes.data, s->bytes.len);
	if (ZSTD_isError(n) || n != s->raw)
		return ERR_INVALID;
	out->n += n;
	return 0;
}

int frozen_open_part(
	enum frozen_kind kind, struct text body, uint32_t part, uint32_t parts, struct buf *out)
{
	struct slice s = { 0 };
	struct arena a;
	int err = ERR_INVALID;

	arena_init(&a, PART_MEMORY);
	if (slice_get(kind, body, &a, &s) && s.part == part && s.parts == parts)
		err = slice_open(&s, out);
	arena_deinit(&a);
	return err;
}

static int part_read(
	struct store_txn *ledgers, const struct frozen_place *p, uint32_t i, struct buf *out)
{
	uint32_t kind =
		p->kind == FROZEN_FIGURES ? TALLY__ENTRY_KIND__FIGURES : TALLY__ENTRY_KIND__FORMS;
	struct entry_view e;
	struct text bytes;
	int err = ledger_get(ledgers, p->origin, p->first + i, &bytes);

	if (err)
		return err;
	if (entry_unpack(&e, bytes, NULL) != 0 || e.kind != kind)
		return ERR_DAMAGED;
	err = frozen_open_part(p->kind, e.body, i + 1, p->parts, out);
	return err == ERR_NOMEM ? err : err ? ERR_DAMAGED : 0;
}

int frozen_read(
	struct store_txn *ledgers, const struct frozen_place *p, struct buf *out, uint64_t *broken)
{
	uint8_t digest[HASH_BYTES];

	*broken = 0;
	buf_reset(out);
	if (p->parts > FROZEN_PARTS_MAX || (p->parts && !p->first) || p->first > UINT64_MAX / 2)
		return ERR_INVALID;
	for (uint32_t i = 0; i < p->parts; i++) {
		int err = part_read(ledgers, p, i, out);

		if (err) {
			*broken = p->first + i;
			return err;
		}
	}
	hash_entry(digest, buf_as_text(out));
	return memcmp(digest, p->digest, HASH_BYTES) == 0 ? 0 : ERR_DAMAGED;
}
