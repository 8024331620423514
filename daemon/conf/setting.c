/* The strict parsers of values. libconfuse would take "010" for eight, "5x" for five and a size
 * without unit for bytes; a file that says one thing to its reader and another to the daemon is the
 * worst kind of configuration. */
#include "daemon/conf/setting.h"

#include <ctype.h>
#include <stdlib.h>

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit size_units[] = {
	{ "B", 1 },
	{ "KiB", 1ull << 10 },
	{ "MiB", 1ull << 20 },
	{ "GiB", 1ull << 30 },
	{ "TiB", 1ull << 40 },
	{ NULL, 0 },
};
static const struct unit duration_units[] = {
	{ "ms", 1 },
	{ "s", 1000 },
	{ "m", 60000 },
	{ "h", 3600000 },
	{ "d", 86400000 },
	{ NULL, 0 },
};
static const struct unit count_units[] = { { "", 1 }, { NULL, 0 } };

#define DIGITS_MAX 18 /* always fits 63 bits */

static int refuse(struct errmsg *why, const char *words)
{
	errmsg_set(why, "%s", words);
	return ERR_INVALID;
}

static const struct unit *units_of(enum conf_type type)
{
	return type == CONF_SIZE       ? size_units
	       : type == CONF_DURATION ? duration_units
				       : count_units;
}

void setting_print(enum conf_type type, uint64_t number, char *out, size_t size)
{
	const struct unit *u = units_of(type), *best = u;

	for (; u->name; u++)
		if (number && number % u->factor == 0)
			best = u;
	snprintf(out, size, "%llu%s", (unsigned long long)(number / best->factor), best->name);
}

static int parse_number(
	const struct conf_row *row, const char *v, uint64_t *number, struct errmsg *why)
{
	static const char *const forms[] = {
		[CONF_SIZE] = "not a size; write digits and a unit: B, KiB, MiB, GiB, TiB (64MiB)",
		[CONF_DURATION] = "not a duration; write digits and a unit: ms, s, m, h, d (30s)",
		[CONF_COUNT] = "not a count; write digits only, without a zero in front",
	};
	const struct unit *u = units_of(row->type);
	size_t digits = strspn(v, "0123456789");
	char least[32], most[32];

	while (u->name && strcmp(u->name, v + digits) != 0)
		u++;
	if (!digits || digits > DIGITS_MAX || (v[0] == '0' && digits > 1) || !u->name)
		return refuse(why, forms[row->type]);
	*number = strtoull(v, NULL, 10);
	if (__builtin_mul_overflow(*number, u->factor, number) || *number > INT64_MAX)
		return refuse(why, "too large");
	if ((row->least || row->most) &&
		(*number < row->least || (row->most && *number > row->most))) {
		setting_print(row->type, row->least, least, sizeof(least));
		setting_print(row->type, row->most, most, sizeof(most));
		if (row->most)
			errmsg_set(why, "out of bounds; write a value from %s to %s", least, most);
		else
			errmsg_set(why, "out of bounds; write at least %s", least);
		return ERR_INVALID;
	}
	return 0;
}

static int check_endpoint(const char *v, struct errmsg *why)
{
	const char *host = v + 6, *colon;
	size_t digits;
	unsigned long port;

	if (strncmp(v, "ipc:///", 7) == 0 && v[7] && strlen(v + 6) < 108)
		return 0;
	if (strncmp(v, "tcp://", 6) != 0)
		return refuse(why, "not an endpoint; write tcp://HOST:PORT or ipc:///PATH, no "
				   "other kind is allowed");
	colon = strrchr(host, ':');
	digits = colon ? strspn(colon + 1, "0123456789") : 0;
	port = digits && digits < 6 ? strtoul(colon + 1, NULL, 10) : 0;
	if (!colon || colon == host || colon[1 + digits] || colon[1] == '0' || port < 1 ||
		port > 65535)
		return refuse(
			why, "not an endpoint; write tcp://HOST:PORT with a port from 1 to 65535");
	if (strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]*") !=
		strlen(host))
		return refuse(why, "not an endpoint; the host may hold letters, digits, '.', '-' "
				   "and a [v6 address]");
	return 0;
}

static int check_name(const char *v, struct errmsg *why)
{
	size_t n = strlen(v);

	if (n < 1 || n > 63 || !isalnum((unsigned char)v[0]))
		return refuse(why, "not a name; write 1 to 63 letters, digits, '.', '_' or '-'");
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)v[i]) && !strchr("._-", v[i]))
			return refuse(
				why, "not a name; write 1 to 63 letters, digits, '.', '_' or '-'");
	return 0;
}

static int check_choice(const char *choices, const char *v, struct errmsg *why)
{
	size_t n = strlen(v);

	for (const char *p = choices; p && *p;) {
		size_t one = strcspn(p, "|");

		if (one == n && memcmp(p, v, n) == 0)
			return 0;
		p += one + (p[one] == '|');
	}
	errmsg_set(why, "not one of %s", choices);
	return ERR_INVALID;
}

static int check_z85(const char *v, struct errmsg *why)
{
	static const char signs[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    ".-:+=^!/*?&<>()[]{}@%$#";

	if (strlen(v) != 40 || strspn(v, signs) != 40)
		return refuse(why, "not a CURVE public key; write the 40 signs that `tallyctl "
				   "keygen` prints as key");
	return 0;
}

static int check_base64(const char *v, struct errmsg *why)
{
	static const char signs[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	/* 32 bytes: 43 signs, the last of which carries four bits, and one `=` */
	if (strlen(v) != 44 || strspn(v, signs) != 43 || v[43] != '=' ||
		(strchr(signs, v[42]) - signs) % 4 != 0)
		return refuse(why, "not an Ed25519 public key; write the 44 signs that `tallyctl "
				   "keygen` prints as signer");
	return 0;
}

int setting_parse(const struct conf_row *row, const char *v, uint64_t *number, struct errmsg *why)
{
	*number = 0;
	if (row->type != CONF_Z85 && strstr(v, "${"))
		return refuse(why, "variables are not expanded; write the value itself");
	switch (row->type) {
	case CONF_SIZE:
	case CONF_DURATION:
	case CONF_COUNT:
		return parse_number(row, v, number, why);
	case CONF_PATH:
		if (v[0] != '/')
			return refuse(why, "not an absolute path; begin it with /");
		return 0;
	case CONF_AREA:
		if (strlen(v) != 6 || strspn(v, "0123456789") != 6 || v[0] == '0')
			return refuse(why, "not an area; write its six digits (310115)");
		*number = strtoull(v, NULL, 10);
		return 0;
	case CONF_ENDPOINT:
		return check_endpoint(v, why);
	case CONF_NAME:
		return check_name(v, why);
	case CONF_CHOICE:
		return check_choice(row->choices, v, why);
	case CONF_Z85:
		return check_z85(v, why);
	case CONF_BASE64:
		return check_base64(v, why);
	case CONF_TEXT:
	case CONF_LIST:
		break;
	}
	if (row->required && !v[0])
		return refuse(why, "empty; write a value");
	return 0;
}
