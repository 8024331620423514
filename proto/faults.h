/* Faults by their row: for this room; others add them by code (record.h). */
#ifndef PROTO_FAULTS_H
#define PROTO_FAULTS_H

#include "proto/tables.h"

/* The row of a code, or NULL. */
const struct fault_def *fault_find(const char *code);

/* As faults_add(), for a row found before. */
void faults_add_def(struct faults *f, const struct fault_def *def, const struct field *field);

#endif
