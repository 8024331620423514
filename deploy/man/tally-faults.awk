# Makes the man page of the error codes from proto/faults.tsv: `awk -f tally-faults.awk proto/faults.tsv | scdoc`.
BEGIN {
	FS = "\t"
	print "tally-faults(7)\n\n# NAME\n\ntally-faults - what is said of rows that are refused or doubtful\n"
	print "# DESCRIPTION\n\nCodes are stable. *E* refuses the row, *W* takes it in with a warning. All faults of a row are reported at once,"
	print "by *tallyctl import* in _FILE_.refused.csv and by *tallyctl refused*; they are counted in *tallyctl status* and"
	print "*metrics*. No text holds a value of the row.\n\n# CODES\n"
}
function escaped(s) {
	gsub(/[*_\\#<>~.]/, "\\\\&", s)
	return s
}
/^#/ || NF < 3 { next }
{ printf "*%s*\n\t%s++\n%s\n\n", $1, escaped($3), escaped($2) }
END { print "# SEE ALSO\n\n*tallyctl*(1), *tally-collector*(8)" }
