/* The embedded tables as rows, just as they stand in the files: made by embed.awk, read by codes.c,
 * rules.c, check_certificate.c and registers.c, which give them a meaning. Everything here is
 * constant. */
#ifndef PROTO_TABLES_H
#define PROTO_TABLES_H

#include "proto/record.h"

/* A register and its message. A register without a message in registers.proto does not compile. */
struct table_message {
	const char *reg;
	const ProtobufCMessageDescriptor *pb;
};
extern const struct table_message table_messages[];
extern const size_t table_n_messages;

/* A row of registers.tsv; the rows of a register stand together. */
struct table_field {
	const char *reg, *name, *zh, *type, *required, *codes, *key, *notes, *at;
};
extern const struct table_field table_fields[];
extern const size_t table_n_fields;

/* A row of rules.tsv; absent arguments are "". */
struct table_rule {
	const char *reg, *field, *fault, *check, *args[3];
};
extern const struct table_rule table_rules[];
extern const size_t table_n_rules;

/* A row of rules.tsv whose check is `pattern`: how the numbers of a kind of certificate look. */
struct table_pattern {
	const char *kind, *pattern, *fault;
};
extern const struct table_pattern table_patterns[];
extern const size_t table_n_patterns;

extern const struct fault_def table_faults[];
extern const size_t table_n_faults;

extern const struct code_list table_lists[];
extern const size_t table_n_lists;

/* Level-4 occupations, ascending: d-dd-dd-dd without the dashes. */
extern const size_t table_n_occupations;
extern const uint32_t table_occupations[];
extern const char *const table_occupation_names[];

/* An area code of the past, and the district of today that took it over. */
struct table_district {
	uint32_t code, now;
};
extern const struct table_district table_districts[];
extern const size_t table_n_districts;

#endif
