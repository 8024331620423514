/* Faults: the rows of faults.tsv, and a list of them with a bound. A list that is full still
 * remembers that a hard fault came. An unknown code is a bug of ours. */
#include <assert.h>

#include "proto/faults.h"

const struct fault_def *fault_defs(size_t *n)
{
	*n = table_n_faults;
	return table_faults;
}

const struct fault_def *fault_find(const char *code)
{
	for (size_t i = 0; i < table_n_faults; i++)
		if (strcmp(table_faults[i].code, code) == 0)
			return &table_faults[i];
	return NULL;
}

void faults_add_def(struct faults *f, const struct fault_def *def, const struct field *field)
{
	if (def->code[0] == 'E')
		f->hard = true;
	for (size_t i = 0; i < f->n; i++)
		if (f->at[i].def == def && f->at[i].field == field)
			return;
	if (f->n < FAULTS_MAX)
		f->at[f->n++] = (struct fault){ def, field };
}

void faults_add(struct faults *f, const char *code, const struct field *field)
{
	const struct fault_def *def = fault_find(code);

	assert(def);
	if (def)
		faults_add_def(f, def, field);
}
