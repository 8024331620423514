# Turns the tables of this folder into one C file (proto/tables.h declares what is in it): the rows as they stand, nothing
# judged. What does not fit together is found by registers_init(). For any POSIX awk; bytes are copied, never decoded.
#   awk -f embed.awk registers.tsv rules.tsv faults.tsv codes.tsv occupations-2022.tsv district-history.tsv

BEGIN {
	FS = "\t"
}

function quote(s)
{
	gsub(/\\/, "\\\\", s)
	gsub(/"/, "\\\"", s)
	return "\"" s "\""
}

# The first `n` columns as C strings.
function columns(n,    i, s)
{
	s = ""
	for (i = 1; i <= n; i++)
		s = s (i > 1 ? ", " : "") quote($i)
	return s
}

FNR == 1 {
	table = FILENAME
	sub(/^.*\//, "", table)
}

{
	sub(/\r$/, "")
}

/^#/ || /^$/ {
	next
}

table == "registers.tsv" {
	if (!($1 in seen_register)) {
		seen_register[$1] = 1
		registers[n_registers++] = $1
	}
	fields[n_fields++] = columns(9)
	next
}

table == "rules.tsv" && $4 == "pattern" {
	patterns[n_patterns++] = quote($5) ", " quote($6) ", " quote($3)
	next
}

table == "rules.tsv" {
	rules[n_rules++] = quote($1) ", " quote($2) ", " quote($3) ", " quote($4) ", { " quote($5) ", " quote($6) ", " quote($7) " }"
	next
}

table == "faults.tsv" {
	faults[n_faults++] = columns(3)
	next
}

table == "codes.tsv" {
	if (!($1 in list_size)) {
		list_size[$1] = 0
		lists[n_lists++] = $1
	}
	code[$1, list_size[$1]++] = quote($2) ", " quote($3) ", " quote($4) ", " quote($5)
	next
}

# Sorted as they come: the file is nearly in order.
table == "occupations-2022.tsv" && $2 == 4 {
	number = $1
	gsub(/-/, "", number)
	number += 0
	for (i = n_occupations++; i > 0 && occupation[i - 1] > number; i--) {
		occupation[i] = occupation[i - 1]
		title[i] = title[i - 1]
	}
	occupation[i] = number
	title[i] = $3
	next
}

table == "district-history.tsv" {
	districts[n_districts++] = $1 ", " $5
	next
}

function rows(type, name, count, at, n,    i)
{
	print "const " type " " name "[] = {"
	for (i = 0; i < n; i++)
		print "\t{ " at[i] " },"
	print "};"
	print "const size_t " count " = " n ";\n"
}

END {
	print "/* Made by proto/embed.awk from the tables in proto/. */"
	print "#include \"proto/tables.h\""
	print "#include \"proto/registers.pb-c.h\"\n"
	for (i = 0; i < n_registers; i++)
		message[i] = quote(registers[i]) ", &tally__" registers[i] "__descriptor"
	rows("struct table_message", "table_messages", "table_n_messages", message, n_registers)
	rows("struct table_field", "table_fields", "table_n_fields", fields, n_fields)
	rows("struct table_rule", "table_rules", "table_n_rules", rules, n_rules)
	rows("struct table_pattern", "table_patterns", "table_n_patterns", patterns, n_patterns)
	rows("struct fault_def", "table_faults", "table_n_faults", faults, n_faults)
	for (i = 0; i < n_lists; i++) {
		print "static const struct code list_" lists[i] "[] = {"
		for (j = 0; j < list_size[lists[i]]; j++)
			print "\t{ " code[lists[i], j] " },"
		print "};\n"
		list[i] = quote(lists[i]) ", list_" lists[i] ", " list_size[lists[i]]
	}
	rows("struct code_list", "table_lists", "table_n_lists", list, n_lists)
	print "const size_t table_n_occupations = " n_occupations ";"
	print "const uint32_t table_occupations[] = {"
	for (i = 0; i < n_occupations; i++)
		print "\t" occupation[i] ","
	print "};\n\nconst char *const table_occupation_names[] = {"
	for (i = 0; i < n_occupations; i++)
		print "\t" quote(title[i]) ","
	print "};\n"
	rows("struct table_district", "table_districts", "table_n_districts", districts, n_districts)
}
