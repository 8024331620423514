#include "daemon/registrar/ask.h"

#include <stdlib.h>

void *ask_begin(struct api_call *call)
{
	struct ask *a = calloc(1, sizeof *a);

	if (!a)
		api_fail_err(call, ERR_NOMEM, "the request");
	else
		a->call = call;
	return a;
}

bool ask_data(void *state, const char *p, size_t n)
{
	struct ask *a = state;

	a->too_long = a->too_long || n > ASK_BODY_MAX - a->n;
	if (a->too_long)
		return false;
	memcpy(a->body + a->n, p, n);
	a->n += n;
	return true;
}

void ask_end(struct ask *a)
{
	if (!a)
		return;
	explicit_bzero(a, sizeof *a);
	free(a);
}

struct text ask_value(const struct ask *a, const char *name)
{
	size_t length = strlen(name), at = 0;

	while (at < a->n) {
		const char *end = memchr(a->body + at, '\n', a->n - at);
		size_t n = end ? (size_t)(end - a->body) - at : a->n - at;

		if (n > length && memcmp(a->body + at, name, length) == 0 &&
			a->body[at + length] == '=')
			return text_trim(
				(struct text){ a->body + at + length + 1, n - length - 1 });
		at += n + 1;
	}
	return (struct text){ NULL, 0 };
}
