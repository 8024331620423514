/* One block of memory for all cells of a file, one after another. */
#include "daemon/reader/value.h"

#include <stdlib.h>

#include "daemon/reader/reader.h"
#include "daemon/reader/xml.h"

int value_init(struct value *v)
{
	*v = (struct value){ .p = malloc(READER_CELL_MAX) };
	return v->p ? 0 : ERR_NOMEM;
}

void value_deinit(struct value *v)
{
	free(v->p);
	v->p = NULL;
}

void value_reset(struct value *v)
{
	v->n = 0;
	v->cut = false;
}

void value_put(struct value *v, const char *p, size_t n)
{
	size_t room = READER_CELL_MAX - v->n;

	if (n > room) {
		n = room;
		v->cut = true;
	}
	memcpy(v->p + v->n, p, n);
	v->n += n;
}

void value_finish(struct value *v)
{
	if (v->cut) {
		v->n = READER_CELL_BEGINNING_MAX;
		while (((unsigned char)v->p[v->n] & 0xc0) == 0x80)
			v->n--;
	}
	v->n = xml_unescape(v->p, v->n);
}
