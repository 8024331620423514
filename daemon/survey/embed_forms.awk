# Makes C of the form files: `awk -f embed_forms.awk daemon/survey/forms/*.form`. The program carries its forms; forms_dir in
# the configuration puts others in their place. `-v list=NAME` gives the list another name than form_sources: rule files
# (daemon/talent/rules) are embedded the same way.
function quote(s,    i, c, out) {
	for (i = 1; i <= length(s); i++) {
		c = substr(s, i, 1)
		if (c == "\\" || c == "\"" || c == "?")
			out = out "\\"
		out = out (c == "\t" ? "\\t" : c)
	}
	return "\"" out "\\n\""
}
BEGIN {
	if (!list)
		list = "form_sources"
	print "/* Made by daemon/survey/embed_forms.awk: do not edit. */"
	print "#include \"daemon/survey/form.h\"\n"
	print "extern const struct form_source " list "[];"
	print "extern const size_t " list "_n;"
	print "const struct form_source " list "[] = {"
}
FNR == 1 {
	if (n++)
		print "\t},"
	name = FILENAME
	sub(/.*\//, "", name)
	print "\t{ \"" name "\","
}
{ print "\t\t" quote($0) }
END {
	if (n)
		print "\t},"
	print "};"
	print "const size_t " list "_n = " n + 0 ";"
}
