/* An identity is packed as a Sealed message, filled up with zeros to a fixed length, and sealed by
 * crypto_box_seal (X25519, XSalsa20-Poly1305, a one-time key of the sender): nobody can open it but
 * who holds the secret half, and nobody can tell who sealed it. The chain of the ledger and the
 * origin's signature say where it comes from.
 *
 *     sealed:  one-time public key (32) | tag (16) | 512 or 1,536 bytes: length (2) | Sealed |
 * zeros tag:     kind (1) | H8(key, kind and name, birth as yymmdd) mark:    H8(zeros,
 * "tally-registrar-1", public key)
 *
 * A tag of name and birth has 64 bits under the linking key, which no city holds: it can be
 * compared, and not guessed. */
#include "daemon/identity/seal.h"

#include <sodium.h>
#include <stdio.h>

#include "daemon/ledger/hash.h"
#include "proto/check.h"
#include "proto/identity.pb-c.h"

#define LENGTH_BYTES 2
#define SEALED_FIELDS 4 /* of the message */

_Static_assert(REGISTRAR_KEY_BYTES == crypto_box_PUBLICKEYBYTES, "X25519");
_Static_assert(SEALED_MOST == SEAL_PLAIN_MOST + crypto_box_SEALBYTES, "what sealing adds");

static void mark(struct registrar *r)
{
	static const uint8_t zeros[32];

	hash_keyed(r->mark, REGISTRAR_MARK_BYTES, zeros, TEXT("tally-registrar-1"),
		(struct text){ (const char *)r->key, REGISTRAR_KEY_BYTES });
}

int registrar_init(struct registrar *r, struct text base64)
{
	if (base64_get(r->key, sizeof r->key, base64))
		return ERR_INVALID;
	mark(r);
	return 0;
}

int registrar_secret_init(struct registrar_secret *s, struct text base64)
{
	if (base64_get(s->key, sizeof s->key, base64) ||
		crypto_scalarmult_base(s->half.key, s->key) != 0) {
		registrar_secret_wipe(s);
		return ERR_INVALID;
	}
	mark(&s->half);
	return 0;
}

void registrar_secret_make(struct registrar_secret *s)
{
	(void)crypto_box_keypair(s->half.key, s->key);
	mark(&s->half);
}

void registrar_secret_wipe(struct registrar_secret *s)
{
	sodium_memzero(s, sizeof *s);
}

/* ---- sealing ---- */

static ProtobufCBinaryData binary(struct text t)
{
	return (ProtobufCBinaryData){ t.n, (uint8_t *)(uintptr_t)t.p };
}

/* The message with its length in front and zeros behind; 0: too long. */
static size_t pack_padded(uint8_t out[SEAL_PLAIN_MOST], const Tally__Sealed *s)
{
	size_t n = tally__sealed__get_packed_size(s),
	       whole = LENGTH_BYTES + n <= SEAL_PLAIN_BYTES ? SEAL_PLAIN_BYTES : SEAL_PLAIN_MOST;

	if (LENGTH_BYTES + n > whole)
		return 0;
	memset(out, 0, whole);
	out[0] = (uint8_t)(n >> 8);
	out[1] = (uint8_t)n;
	(void)tally__sealed__pack(s, out + LENGTH_BYTES);
	return whole;
}

size_t identity_seal(uint8_t out[SEALED_MOST], const struct registrar *r, const struct identity *id)
{
	Tally__Sealed s = TALLY__SEALED__INIT;
	uint8_t plain[SEAL_PLAIN_MOST];
	size_t n;

	s.has_name = s.has_doc_type = s.has_doc_number = 1;
	s.name = binary(id->name);
	s.doc_type = binary(id->doc_type);
	s.doc_number = binary(id->doc_number);
	s.has_phone = id->phone.n > 0;
	s.phone = binary(id->phone);
	n = pack_padded(plain, &s);
	if (n && crypto_box_seal(out, plain, n, r->key) != 0)
		n = 0;
	sodium_memzero(plain, sizeof plain);
	return n ? n + crypto_box_SEALBYTES : 0;
}

/* ---- opening ---- */

static size_t varint(const uint8_t *p, size_t n, uint64_t *out)
{
	*out = 0;
	for (size_t i = 0; i < n && i < 10; i++) {
		*out |= (uint64_t)(p[i] & 0x7f) << 7 * i;
		if (!(p[i] & 0x80))
			return i + 1;
	}
	return 0;
}

/* Reads the message in place: no copy of a name is left in memory that nobody wipes. All its fields
 * are bytes. */
static int read_sealed(struct identity *out, const uint8_t *p, size_t n)
{
	struct text *const to[SEALED_FIELDS + 1] = { NULL, &out->name, &out->doc_type,
		&out->doc_number, &out->phone };
	size_t at = 0;

	while (at < n) {
		uint64_t key, length;
		size_t k = varint(p + at, n - at, &key), l;

		if (!k || (key & 7) != 2)
			return ERR_DAMAGED;
		at += k;
		l = varint(p + at, n - at, &length);
		if (!l || length > n - at - l)
			return ERR_DAMAGED;
		at += l;
		if (key >> 3 <= SEALED_FIELDS && to[key >> 3])
			*to[key >> 3] = (struct text){ (const char *)p + at, (size_t)length };
		at += (size_t)length;
	}
	return out->name.n && out->doc_type.n && out->doc_number.n ? 0 : ERR_DAMAGED;
}

int identity_open(struct identity *out, uint8_t plain[SEAL_PLAIN_MOST],
	const struct registrar_secret *s, struct text sealed)
{
	size_t n;

	*out = (struct identity){ .present = true };
	if (sealed.n <= crypto_box_SEALBYTES + LENGTH_BYTES || sealed.n > SEALED_MOST)
		return ERR_DAMAGED;
	if (crypto_box_seal_open(plain, (const uint8_t *)sealed.p, sealed.n, s->half.key, s->key) !=
		0)
		return ERR_DENIED;
	n = (size_t)plain[0] << 8 | plain[1];
	if (n > sealed.n - crypto_box_SEALBYTES - LENGTH_BYTES)
		return ERR_DAMAGED;
	return read_sealed(out, plain + LENGTH_BYTES, n);
}

/* ---- tags ---- */

static int two(const char *p)
{
	return p[0] >= '0' && p[0] <= '9' && p[1] >= '0' && p[1] <= '9'
		       ? (p[0] - '0') * 10 + (p[1] - '0')
		       : -1;
}

int identity_birth(struct text doc_type, struct text doc_number)
{
	bool resident = text_is(doc_type, "111"), card = text_is(doc_type, "553");
	const char *p = doc_number.p;
	int yy, mm, dd;

	if ((resident || card) && doc_number.n == 18)
		p += 8; /* area or nationality, century */
	else if (card && doc_number.n == 15)
		p += 7; /* nationality, place of issue */
	else
		return -1;
	yy = two(p);
	mm = two(p + 2);
	dd = two(p + 4);
	if (yy < 0 || mm < 0 || dd < 0 ||
		!(date_ok((1900 + yy) * 10000 + mm * 100 + dd) ||
			date_ok((2000 + yy) * 10000 + mm * 100 + dd)))
		return -1;
	return yy * 10000 + mm * 100 + dd;
}

static void tag_make(uint8_t out[IDENTITY_TAG_BYTES], const uint8_t key[32], int kind,
	struct text name, int birth)
{
	uint8_t what[1 + 4 * 64];
	char day[16];
	size_t n = name.n < sizeof what - 1 ? name.n : sizeof what - 1;

	what[0] = (uint8_t)kind;
	if (n)
		memcpy(what + 1, name.p, n);
	(void)snprintf(day, sizeof day, "%06d", birth < 0 ? 0 : birth);
	out[0] = (uint8_t)kind;
	hash_keyed(out + 1, IDENTITY_TAG_BYTES - 1, key, (struct text){ (const char *)what, n + 1 },
		text_of(day));
	sodium_memzero(what, sizeof what);
}

size_t identity_tags(uint8_t out[IDENTITY_TAGS_MAX][IDENTITY_TAG_BYTES], const uint8_t key[32],
	const struct identity *id)
{
	int birth = identity_birth(id->doc_type, id->doc_number);
	size_t n = 0;

	if (birth >= 0)
		tag_make(out[n++], key, TALLY__TAG_KIND__TAG_BIRTH, id->name, birth);
	if (birth >= 0 && text_is(id->doc_type, "553"))
		tag_make(out[n++], key, TALLY__TAG_KIND__TAG_CARD, id->name, birth);
	if (text_is(id->doc_type, "414"))
		tag_make(out[n++], key, TALLY__TAG_KIND__TAG_PASSPORT, id->name, -1);
	return n;
}
