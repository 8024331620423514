/* Bulletins, written and read.
 *
 *	{"bulletin": 1, "form", "edition", "period", "version", "class", "reason", "closed_at",
 *"by", "ledger", "position", "positions": [{"origin", "position", "head"}], "areas", "missing",
 *	 "despite", "signed": [{"area", "by"}], "rules", "software", "digest", "forms_digest",
 *	 "figures": TEXT, "forms": TEXT, "signer": BASE64,
 *	 "proof": BASE64 of the Batch (entry.proto) that begins with the VERSION entry and ends at a
 *seal}
 *
 * The batch is what replication sends: its entries are chained, its last one sealed by the origin.
 */
#include "daemon/periods/bulletin.h"

#include <stdlib.h>
#include <time.h>

#include "daemon/periods/signed.h"
#include "proto/entry.pb-c.h"

#define PROOF_MEMORY (4u << 20)

bool ledger_signer_of(struct store_txn *ledgers, uint32_t origin, uint8_t out[SIGN_PUBLIC_BYTES])
{
	struct entry_view e;
	struct text bytes;
	struct arena a;
	Tally__Genesis *g = NULL;

	arena_init(&a, VERSION_MEMORY);
	if (ledger_get(ledgers, origin, 1, &bytes) == 0 && entry_unpack(&e, bytes, NULL) == 0 &&
		e.kind == TALLY__ENTRY_KIND__GENESIS)
		g = tally__genesis__unpack(&a.pb, e.body.n, (const uint8_t *)e.body.p);
	if (g && g->signer.len == SIGN_PUBLIC_BYTES)
		memcpy(out, g->signer.data, SIGN_PUBLIC_BYTES);
	else
		g = NULL;
	arena_deinit(&a);
	return g != NULL;
}

/* ---- writing ---- */

static json_t *json_of(ProtobufCBinaryData b)
{
	return b.len ? json_stringn((const char *)b.data, b.len) : json_null();
}

static json_t *json_hex(ProtobufCBinaryData b)
{
	char hex[2 * HASH_BYTES + 1] = "";

	if (b.len == HASH_BYTES)
		hex_put(hex, b.data, HASH_BYTES);
	return json_string(hex);
}

static json_t *json_base64(const void *p, size_t n)
{
	size_t size = n / 3 * 4 + 8;
	char *text = malloc(size);
	json_t *v = NULL;

	if (text) {
		base64_put(text, size, p, n);
		v = json_string(text);
	}
	free(text);
	return v;
}

static json_t *json_area(uint32_t area)
{
	return json_sprintf("%06u", area);
}

static json_t *json_areas(const uint32_t *at, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_area(at[i]));
	return list;
}

static json_t *json_vector(const Tally__Version *v)
{
	json_t *list = json_array();

	for (size_t i = 0; i < v->n_positions; i++)
		json_array_append_new(list,
			json_pack("{s:o, s:I, s:o}", "origin", json_area(v->positions[i]->origin),
				"position", (json_int_t)v->positions[i]->position, "head",
				json_hex(v->positions[i]->head)));
	return list;
}

/* The names under the returns that were accepted. */
static json_t *json_signed(struct version_call *c)
{
	const Tally__Version *v = c->v.body;
	json_t *list = json_array();
	struct buf who = { 0 };

	for (size_t i = 1; i < v->n_areas; i++) {
		signed_names(c->views, &c->v, v->areas[i], &who);
		if (who.n)
			json_array_append_new(list, json_pack("{s:o, s:s}", "area",
							    json_area(v->areas[i]), "by", who.p));
	}
	buf_deinit(&who);
	return list;
}

static json_t *json_time(uint64_t at_ms)
{
	time_t at = (time_t)(at_ms / 1000 + 8 * 3600);
	char text[40] = "";
	struct tm tm;

	if (at_ms && at_ms / 1000 < 253402300799ull && gmtime_r(&at, &tm))
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S+08:00", &tm);
	return json_string(text);
}

/* What the entry says, for people. */
static json_t *json_version(struct version_call *c)
{
	const struct version *v = &c->v;
	const Tally__Version *b = v->body;
	json_t *out = json_object();

	json_object_set_new(out, "bulletin", json_integer(1));
	json_object_set_new(out, "form", json_of(b->form));
	json_object_set_new(out, "edition", json_of(b->edition));
	json_object_set_new(out, "period", json_of(b->period));
	json_object_set_new(out, "version", json_integer(b->number));
	json_object_set_new(out, "class", json_of(b->class_));
	json_object_set_new(out, "reason", json_of(b->reason));
	json_object_set_new(out, "closed_at", json_time(v->at_ms));
	json_object_set_new(out, "by", json_stringn(v->author.p ? v->author.p : "", v->author.n));
	json_object_set_new(out, "ledger", json_sprintf("%u", v->at.origin));
	json_object_set_new(out, "position", json_integer((json_int_t)v->at.position));
	json_object_set_new(out, "positions", json_vector(b));
	json_object_set_new(out, "areas", json_areas(b->areas, b->n_areas));
	json_object_set_new(out, "missing", json_areas(b->missing, b->n_missing));
	json_object_set_new(out, "despite", json_of(b->despite));
	json_object_set_new(out, "signed", json_signed(c));
	json_object_set_new(out, "rules", json_hex(b->rules));
	json_object_set_new(out, "software", json_of(b->software));
	json_object_set_new(out, "digest", json_hex(b->digest));
	json_object_set_new(out, "forms_digest", json_hex(b->forms_digest));
	return out;
}

/* Adds a text of the version under a name. */
static int text_put(json_t *out, const char *name, struct version_call *c,
	int (*read)(struct store_txn *, const struct version *, struct buf *, uint64_t *),
	uint64_t *broken)
{
	struct buf text = { 0 };
	int err = read(c->ledgers, &c->v, &text, broken);

	if (!err && json_object_set_new(out, name, json_stringn(text.p ? text.p : "", text.n)) != 0)
		err = ERR_NOMEM;
	buf_deinit(&text);
	return err;
}

static int proof_put(json_t *out, struct version_call *c, uint64_t *broken)
{
	uint8_t signer[SIGN_PUBLIC_BYTES];
	struct buf batch = { 0 };
	uint64_t last = 0;
	int err;

	if (!ledger_signer_of(c->ledgers, c->v.at.origin, signer)) {
		*broken = 1;
		return ERR_DAMAGED;
	}
	err = ledger_batch_make(c->ledgers, c->v.at.origin, c->v.at.position, 1, &batch, &last);
	if (err == ERR_DAMAGED)
		*broken = last;
	if (!err && !last)
		err = ERR_NOTFOUND;
	if (!err && (json_object_set_new(out, "signer", json_base64(signer, sizeof(signer))) != 0 ||
			    json_object_set_new(out, "proof", json_base64(batch.p, batch.n)) != 0))
		err = ERR_NOMEM;
	buf_deinit(&batch);
	return err;
}

json_t *bulletin_make(struct version_call *c, int *err, uint64_t *broken)
{
	json_t *out = json_version(c);

	*broken = 0;
	*err = out ? text_put(out, "figures", c, version_figures, broken) : ERR_NOMEM;
	if (!*err)
		*err = text_put(out, "forms", c, version_forms, broken);
	if (!*err)
		*err = proof_put(out, c, broken);
	if (!*err)
		return out;
	json_decref(out);
	return NULL;
}

/* ---- reading ---- */

static struct text text_get(const json_t *o, const char *name)
{
	const json_t *v = json_object_get(o, name);

	return json_is_string(v) ? (struct text){ json_string_value(v), json_string_length(v) }
				 : (struct text){ NULL, 0 };
}

/* Bytes of a base64 text, in the arena. */
static struct text base64_text(struct arena *a, struct text in)
{
	size_t n = in.n / 4 * 3;
	char *out;

	if (!in.n || in.n % 4)
		return (struct text){ NULL, 0 };
	n -= (size_t)(in.p[in.n - 1] == '=') + (size_t)(in.p[in.n - 2] == '=');
	out = arena_alloc(a, n + 1);
	if (!out || base64_get(out, n, in) != 0)
		return (struct text){ NULL, 0 };
	return (struct text){ out, n };
}

static bool digest_is(struct text t, ProtobufCBinaryData digest)
{
	uint8_t hash[HASH_BYTES];

	hash_entry(hash, t);
	return digest.len == HASH_BYTES && memcmp(hash, digest.data, HASH_BYTES) == 0;
}

static int refuse(struct errmsg *m, const char *words)
{
	errmsg_set(m, "the bulletin is refused: %s", words);
	return ERR_INVALID;
}

/* Seal and entry. */
static int proof_open(struct bulletin *b, struct errmsg *m)
{
	struct text batch = base64_text(&b->arena, text_get(b->json, "proof"));
	struct text signer = base64_text(&b->arena, text_get(b->json, "signer"));
	struct text ledger = text_get(b->json, "ledger");
	uint32_t origin = ledger.p ? (uint32_t)strtoul(ledger.p, NULL, 10) : 0;
	struct ledger_batch checked;

	if (!batch.p || signer.n != SIGN_PUBLIC_BYTES)
		return refuse(m, "it has no proof");
	memcpy(b->signer, signer.p, SIGN_PUBLIC_BYTES);
	if (!origin_is_decisions(origin) ||
		ledger_batch_check(&checked, batch, origin, b->signer, &b->arena) != 0 ||
		checked.n == 0)
		return refuse(m, "its seal is not good under the key that it names");
	if (version_read(checked.entries[0], &b->arena, &b->v) != 0)
		return refuse(m, "what is sealed is no version");
	return 0;
}

int bulletin_open(struct bulletin *b, struct text in, struct errmsg *m)
{
	json_error_t e;
	int err;

	*b = (struct bulletin){ .json = NULL };
	arena_init(&b->arena, PROOF_MEMORY);
	b->json = json_loadb(in.p ? in.p : "", in.n, JSON_REJECT_DUPLICATES, &e);
	if (!json_is_object(b->json) || !json_object_get(b->json, "bulletin"))
		return refuse(m, "this is not what `period show -o json` gives");
	err = proof_open(b, m);
	if (err)
		return err;
	b->figures = text_get(b->json, "figures");
	b->forms = text_get(b->json, "forms");
	if (!digest_is(b->figures, b->v.body->digest))
		return refuse(m, "its figures are not those of the sealed entry");
	if (!digest_is(b->forms, b->v.body->forms_digest))
		return refuse(m, "its forms are not those of the sealed entry");
	if (!text_eq(text_get(b->json, "form"), survey_text(b->v.body->form)) ||
		!text_eq(text_get(b->json, "period"), survey_text(b->v.body->period)) ||
		json_integer_value(json_object_get(b->json, "version")) != b->v.body->number)
		return refuse(
			m, "its head says another form, period or version than what is sealed");
	return 0;
}

void bulletin_close(struct bulletin *b)
{
	json_decref(b->json);
	arena_deinit(&b->arena);
}
