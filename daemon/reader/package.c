/* Over libzip. What libzip leaves open is done around it:
 *
 * - It allocates as many entries as the end of the file claims (up to 2^64). So the tail is read
 *   here first, and every place in it that could be the end record
 *
 *       PK 5 6 | … | entries at 10, u16 | bytes of the list at 12, u32 | …
 *       before it, for large files:  PK 6 7 | … | where at 8, u64   →
 *       PK 6 6 | … | entries at 32, u64 | bytes of the list at 40, u64 | …
 *
 *   must claim no more than a workbook has.
 * - Names: a path that climbs or begins at the root is refused though nothing is written; two parts
 *   of one name would be read differently by different programs.
 * - Unpacking ends where a part becomes larger than its packed size warrants; the sizes that the
 *   file claims are not believed. Only stored and deflated parts are read.
 *
 * A checksum is known at the end of a part only: who must not act on damaged bytes reads twice. */
#include "daemon/reader/package.h"

#include <stdlib.h>
#include <strings.h>
#include <unistd.h>
#include <zip.h>

#define PIECE (32 * 1024)
#define END_BYTES 22
#define LOCATOR_BYTES 20
#define END64_BYTES 56
#define TAIL_MAX (65535 + END_BYTES + LOCATOR_BYTES)

struct package {
	zip_t *zip;
	uint64_t n;
	char piece[PIECE];
};

/* ---- the end record ---- */

static uint64_t little(const uint8_t *p, int n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | p[n];
	return v;
}

static bool claims_too_much(uint64_t entries, uint64_t bytes)
{
	return entries > PACKAGE_ENTRIES_MAX || bytes > PACKAGE_DIRECTORY_MAX;
}

/* `at` is an end record with `before` bytes of the tail in front of it. */
static bool end_too_large(int fd, const uint8_t *at, size_t before)
{
	uint64_t entries = little(at + 10, 2), bytes = little(at + 12, 4);
	const uint8_t *locator = at - LOCATOR_BYTES;
	uint8_t end64[END64_BYTES];

	if (before >= LOCATOR_BYTES && memcmp(locator, "PK\6\7", 4) == 0) {
		uint64_t where = little(locator + 8, 8);

		if (where > INT64_MAX ||
			pread(fd, end64, sizeof end64, (off_t)where) != (ssize_t)sizeof end64)
			return true;
		if (claims_too_much(little(end64 + 32, 8), little(end64 + 40, 8)))
			return true;
		entries = entries == UINT16_MAX ? 0 : entries;
		bytes = bytes == UINT32_MAX ? 0 : bytes;
	}
	return claims_too_much(entries, bytes);
}

static int check_tail(int fd, struct errmsg *m)
{
	off_t size = lseek(fd, 0, SEEK_END);
	size_t n = size > TAIL_MAX ? TAIL_MAX : (size_t)(size < 0 ? 0 : size), ends = 0;
	uint8_t *tail = malloc(n + 1);
	int err = 0;

	if (!tail) {
		errmsg_set(m, "out of memory while reading the workbook");
		return ERR_NOMEM;
	}
	if (size < 0 || pread(fd, tail, n, size - (off_t)n) != (ssize_t)n) {
		errmsg_set(m, "the workbook cannot be read from the disk");
		err = ERR_IO;
	}
	for (size_t i = 0; !err && i + END_BYTES <= n; i++) {
		if (memcmp(tail + i, "PK\5\6", 4) != 0)
			continue;
		ends++;
		if (end_too_large(fd, tail + i, i)) {
			errmsg_set(m, "the workbook's zip file has more than %d entries",
				PACKAGE_ENTRIES_MAX);
			err = ERR_LIMIT;
		}
	}
	if (!err && !ends) {
		errmsg_set(m, "the workbook is cut short or damaged: open it in the program that "
			      "made it and save it again");
		err = ERR_INVALID;
	}
	free(tail);
	return err;
}

/* ---- entries ---- */

static int damaged(int zip_error, struct errmsg *m)
{
	switch (zip_error) {
	case ZIP_ER_MEMORY:
		errmsg_set(m, "out of memory while reading the workbook");
		return ERR_NOMEM;
	case ZIP_ER_READ:
	case ZIP_ER_SEEK:
		errmsg_set(m, "the workbook cannot be read from the disk");
		return ERR_IO;
	case ZIP_ER_CRC:
		errmsg_set(m, "the workbook is damaged (a checksum is wrong): open it in the "
			      "program that made it and save it again");
		return ERR_INVALID;
	default:
		errmsg_set(m, "the workbook's zip file is damaged: open it in the program that "
			      "made it and save it again");
		return ERR_INVALID;
	}
}

static bool name_is_safe(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n > PACKAGE_NAME_MAX || name[0] == '/' || strchr(name, '\\'))
		return false;
	for (const char *part = name; part; part = strchr(part, '/')) {
		part += *part == '/';
		if (strcmp(part, "..") == 0 || strncmp(part, "../", 3) == 0)
			return false;
	}
	return true;
}

static int check_entries(struct package *p, struct errmsg *m)
{
	zip_int64_t n = zip_get_num_entries(p->zip, 0);

	if (n < 0 || n > PACKAGE_ENTRIES_MAX) {
		errmsg_set(
			m, "the workbook's zip file has more than %d entries", PACKAGE_ENTRIES_MAX);
		return ERR_LIMIT;
	}
	p->n = (uint64_t)n;
	for (uint64_t i = 0; i < p->n; i++) {
		const char *name = zip_get_name(p->zip, i, ZIP_FL_ENC_RAW);

		if (!name || !name_is_safe(name)) {
			errmsg_set(m, "the workbook's zip file has an entry with a bad name: no "
				      "spreadsheet program makes such a file");
			return ERR_INVALID;
		}
	}
	return 0;
}

int package_open(struct package **out, int fd, struct errmsg *m)
{
	struct package *p;
	int zip_error = ZIP_ER_MEMORY, own, err = check_tail(fd, m);

	if (err)
		return err;
	p = malloc(sizeof *p);
	own = p ? dup(fd) : -1;
	if (own < 0) {
		errmsg_set(m, "out of memory while reading the workbook");
		free(p);
		return ERR_NOMEM;
	}
	p->zip = zip_fdopen(own, 0, &zip_error);
	if (!p->zip) {
		close(own);
		free(p);
		return damaged(zip_error, m);
	}
	err = check_entries(p, m);
	if (err) {
		package_close(p);
		return err;
	}
	*out = p;
	return 0;
}

void package_close(struct package *p)
{
	if (!p)
		return;
	zip_discard(p->zip);
	free(p);
}

int package_find(const struct package *p, struct text name, uint64_t *part, struct errmsg *m)
{
	int err = ERR_NOTFOUND;

	for (uint64_t i = 0; i < p->n; i++) {
		const char *other = zip_get_name(p->zip, i, ZIP_FL_ENC_RAW);

		if (!other || strlen(other) != name.n || strncasecmp(other, name.p, name.n) != 0)
			continue;
		if (!err) {
			errmsg_set(m, "the workbook's zip file holds two parts of one name: no "
				      "spreadsheet program makes such a file");
			return ERR_INVALID;
		}
		*part = i;
		err = 0;
	}
	return err;
}

/* ---- unpacking ---- */

/* How much a part may unpack to; 0 and words: it is not read at all. */
static int limit_of(struct package *p, uint64_t part, uint64_t *limit, struct errmsg *m)
{
	zip_stat_t st;
	const zip_uint64_t wanted =
		ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;

	if (zip_stat_index(p->zip, part, 0, &st) || (st.valid & wanted) != wanted)
		return damaged(ZIP_ER_INCONS, m);
	if (st.encryption_method != ZIP_EM_NONE) {
		errmsg_set(m, "the workbook is protected by a password: save it without one");
		return ERR_INVALID;
	}
	if (st.comp_method != ZIP_CM_STORE && st.comp_method != ZIP_CM_DEFLATE) {
		errmsg_set(m, "the workbook is packed in a way that no spreadsheet program uses");
		return ERR_INVALID;
	}
	*limit = PACKAGE_UNPACKED_MAX;
	if (st.comp_size < (PACKAGE_UNPACKED_MAX - PACKAGE_FREE_MAX) / PACKAGE_RATIO_MAX)
		*limit = PACKAGE_FREE_MAX + st.comp_size * PACKAGE_RATIO_MAX;
	return 0;
}

int package_read(struct package *p, uint64_t part,
	bool (*on_bytes)(void *arg, const char *bytes, size_t n), void *arg, struct errmsg *m)
{
	uint64_t limit, unpacked = 0;
	zip_file_t *f;
	zip_int64_t n;
	int err = limit_of(p, part, &limit, m);

	if (err)
		return err;
	f = zip_fopen_index(p->zip, part, 0);
	if (!f)
		return damaged(zip_error_code_zip(zip_get_error(p->zip)), m);
	while (!err && (n = zip_fread(f, p->piece, sizeof p->piece)) != 0) {
		if (n < 0) {
			err = damaged(zip_error_code_zip(zip_file_get_error(f)), m);
		} else if ((unpacked += (uint64_t)n) > limit) {
			errmsg_set(m,
				"a part of the workbook unpacks to more than %d times its size: "
				"this is no file of a spreadsheet program",
				PACKAGE_RATIO_MAX);
			err = ERR_LIMIT;
		} else if (!on_bytes(arg, p->piece, (size_t)n)) {
			err = ERR_CLOSED;
		}
	}
	zip_fclose(f);
	return err;
}
