/* Workbooks as programs write them: every liberty of the format. */
#include "reader_fixture.h"

#include "daemon/reader/xml.h"

#define C(ref, t, v) "<c r=\"" ref "\" t=\"" t "\"><v>" v "</v></c>"
#define S(ref, v) C(ref, "str", v)
#define ROW(r, cells) "<row r=\"" r "\">" cells "</row>"
#define HEAD_ROW ROW("1", S("A1", "a") S("B1", "b") S("C1", "c"))
#define HEAD "#1:a|b|c\n"

static void shared_strings(void **state)
{
	(void)state;
	expect_book(
		&(struct book){
			.strings = STRINGS(
				"<si><t>plain</t></si><si><t xml:space=\"preserve\">  two "
				"</t></si><si><r><rPr><b/></rPr><t>rich</t></r><r><t> "
				"text</t></r><rPh sb=\"0\" eb=\"1\"><t>phonetic</t></rPh>"
				"<phoneticPr fontId=\"1\"/></si><si><t>a&amp;b&lt;&#x7532;"
				"<![CDATA[<c>]]></t></si><si/><si><t>x_x000D_\ny_x4e2d__x005F_"
				"x0041_ _x12_ _xD800_</t></si>"),
			.sheet = SHEET(HEAD_ROW ROW(
				"2", C("A2", "s", "0") C("B2", "s", "1") C("C2", "s", "2")) ROW("3",
				C("A3", "s", "3") C("B3", "s", "4") C("C3", "s", "5"))) },
		HEAD "2:plain|  two |rich text\n3:a&b<甲<c>||x\r\ny中_x0041_ _x12_ _xD800_\n");
}

static void inline_strings(void **state)
{
	(void)state;
	expect_book(
		&(struct book){
			.sheet = SHEET(HEAD_ROW ROW("2",
				"<c r=\"A2\" t=\"inlineStr\"><is><t>one</t></is></c><c r=\"B2\" "
				"t=\"inlineStr\"><is><r><t>t</t></r><r><rPr><i/></rPr><t>wo</t>"
				"</r><rPh><t>no</t></rPh></is></c><c r=\"C2\"><is><t>12</t></is>"
				"</c>")) },
		HEAD "2:one|two|12\n");
}

/* No references, rows and cells left out, empty and coloured ones, cells behind the header. */
static void gaps(void **state)
{
	(void)state;
	expect_book(
		&(struct book){
			.sheet = SHEET("<row><c/></row><row/><row r=\"3\" s=\"4\" "
				       "customFormat=\"1\"><c r=\"B3\" s=\"3\"/></row>"
				       "<row><c t=\"str\"><v>a</v></c><c/><c t=\"str\"><v>"
				       "c</v></c><c s=\"1\"/></row>"
				       "<row r=\"6\"><c r=\"B6\"><v>1</v></c></row>"
				       "<row><c><v>2</v></c><c r=\"C7\"><v>3</v></c></row>"
				       "<row/>"
				       "<row r=\"9\" hidden=\"1\" ht=\"0\"><c r=\"C9\"><v>4</v>"
				       "</c><c r=\"D9\" s=\"1\"/><c r=\"F9\"><v>5</v></c></row>"
				       "<row><c r=\"BM10\"><v>6</v></c></row>") },
		"#4:a||c\n6:|n:1|\n7:n:2||n:3\n9:||n:4|||n:5\n"
		/* the sixth cell of row 9 */
		"10:||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||(65)\n");
}

#define DATED(xf) "<c r=\"A2\" s=\"" xf "\"><v>43586</v></c>"

static void dates(void **state)
{
	static const char styles[] = STYLES(
		"<numFmts><numFmt numFmtId=\"164\" "
		"formatCode=\"yyyy&quot;年&quot;m&quot;月&quot;\"/>"
		"<numFmt numFmtId=\"165\" formatCode=\"0.00\"/><numFmt numFmtId=\"14\" "
		"formatCode=\"0\"/>"
		"</numFmts><cellStyleXfs><xf numFmtId=\"15\"/></cellStyleXfs><cellXfs><xf "
		"numFmtId=\"0\"/><xf numFmtId=\"15\"/><xf numFmtId=\"164\"/><xf "
		"numFmtId=\"165\"/><xf "
		"numFmtId=\"14\"/><xf numFmtId=\"31\" applyNumberFormat=\"1\"><alignment/></xf><xf "
		"numFmtId=\"20\"/></cellXfs><cellStyles/><dxfs><dxf><numFmt numFmtId=\"165\" "
		"formatCode=\"yyyy\"/></dxf></dxfs>");
	static const char sheet[] = SHEET(HEAD_ROW ROW("2",
		"<c s=\"0\"><v>43586</v></c><c s=\"1\"><v>43586</v></c><c s=\"2\"><v>43586</v></c>")
			ROW("3", "<c s=\"3\"><v>43586</v></c><c s=\"4\"><v>43586</v></c><c "
				 "s=\"5\"><v>43586.5</v></c>") ROW("4",
				"<c s=\"6\"><v>0.5</v></c><c s=\"1\"><v>-1</v></c><c "
				"s=\"99999\"><v>1</v></c>")
				ROW("5", "<c t=\"d\"><v>2019-05-01T00:00:00</v></c><c t=\"d\"><v>"
					 "2019-05-01</v></c><c t=\"d\"><v>12:30</v></c>"));

	(void)state;
	expect_book(&(struct book){ .styles = styles, .sheet = sheet }, HEAD
		"2:n:43586|d:2019-05-01|d:2019-05-01\n3:n:43586|n:43586|d:2019-05-01\n4:n:0.5|n:"
		"-1|n:1\n5:d:2019-05-01|d:2019-05-01|12:30\n");
	expect_book(&(struct book){ .book = BOOK("<workbookPr date1904=\"1\"/>", SHEET1),
			    .styles = styles,
			    .sheet = SHEET(HEAD_ROW ROW("2", "<c s=\"1\"><v>42124</v></c>")) },
		HEAD "2:d:2019-05-01||\n");
}

static void kinds(void **state)
{
	(void)state;
	expect_book(
		&(struct book){
			.sheet = SHEET(HEAD_ROW ROW("2",
				"<c><v>12.5</v></c><c t=\"n\"><v>1E+6</v></c><c><v> "
				"310101190301050015 </v></c>") ROW("3",
				C("A3", "b", "1") C("B3", "b", "0") C("C3", "e", "#N/A")) ROW("4",
				"<c><f>A1+1</f><v>3</v></c><c t=\"str\"><f>\"x\"</f><v>y"
				"</v></c><c t=\"str\"><f>\"\"</f><v></v></c>")
					ROW("5", "<c/><c><f>A1+1</f></c><c><f>A1</f><v/></c>")
						ROW("6", "<c><v>nan</v></c>")) },
		HEAD
		"2[32@2]:n:12.5|n:1000000|n:310101190301050000\n3[16@2]:b:1|b:0|e:#N/A\n4:n:3|y|"
		"\n5[16@1]:|e:|e:\n6[16@0]:e:nan||\n");
}

#define SHEET2 "<sheet name=\"b\" sheetId=\"2\" r:id=\"rId4\"/>"

static void which_sheet(void **state)
{
	static const char one[] = SHEET(HEAD_ROW ROW("2", S("A2", "1")));
	static const char other[] = SHEET(ROW("1", S("A1", "hints")));
	static const char same[] =
		SHEET(ROW("3", S("A3", "a") S("B3", " b ") S("C3", "c")) ROW("4", S("B4", "2")));
	static const char empty[] = SHEET(HEAD_ROW);
	static const char hidden[] =
		"<sheet name=\"h\" sheetId=\"3\" state=\"hidden\" r:id=\"rId1\"/>";
	static const char very[] =
		"<sheet name=\"h\" sheetId=\"3\" state=\"veryHidden\" r:id=\"rId1\"/>";
	char book[2000];

	(void)state;
	/* hidden sheets are passed over, at either side */
	(void)snprintf(book, sizeof book, BOOK("", "%s" SHEET2), hidden);
	expect_book(&(struct book){ .book = book, .sheet = other, .sheet2 = one }, HEAD "2:1||\n");
	(void)snprintf(book, sizeof book, BOOK("", SHEET2 "%s"), very);
	expect_book(&(struct book){ .book = book, .sheet = one, .sheet2 = one }, HEAD "2:1||\n");
	/* an empty one before it */
	expect_book(
		&(struct book){ .book = BOOK("", SHEET1 SHEET2), .sheet2 = one }, HEAD "2:1||\n");
	/* something else behind it */
	expect_book(
		&(struct book){ .book = BOOK("", SHEET1 SHEET2), .sheet = one, .sheet2 = other },
		HEAD "2:1||\nwarning: only visible sheet 1 was read; 1 other visible sheet with "
		     "something else on it\n");
	/* rows that go on */
	expect_book(&(struct book){ .book = BOOK("", SHEET1 SHEET2), .sheet = one, .sheet2 = same },
		"error 7: the workbook holds rows on several sheets (visible sheets 1 and 2 begin "
		"with "
		"the same header): save each sheet as a file of its own\n");
	/* sheets prepared, one of them filled */
	expect_book(
		&(struct book){ .book = BOOK("", SHEET1 SHEET2), .sheet = one, .sheet2 = empty },
		HEAD "2:1||\n");
	expect_book(
		&(struct book){ .book = BOOK("", SHEET1 SHEET2), .sheet = empty, .sheet2 = same },
		"#3:a| b |c\n4:|2|\n");
	(void)snprintf(book, sizeof book, BOOK("", "%s"), hidden);
	expect_book(&(struct book){ .book = book, .sheet = one },
		"error 7: the workbook has no visible sheet\n");
	expect_book(&(struct book){ .sheet = SHEET("") }, "");
}

static void merged_cells(void **state)
{
	(void)state;
	expect_book(
		&(struct book){
			.sheet = XML_HEAD
			"<worksheet xmlns=\"" MAIN_NS "\"><sheetData>" HEAD_ROW ROW(
				"2", S("A2", "1")) "</sheetData><mergeCells count=\"2\"><mergeCell "
						   "ref=\"A1:B1\"/><mergeCell "
						   "ref=\"A2:A7\"/></mergeCells></worksheet>" },
		HEAD
		"2:1||\nwarning: the sheet has merged cells (row 7): only the first cell of each "
		"holds the value, the others were read as empty\n");
}

/* Prefixes, the strict namespaces, another place of the parts, foreign elements, UTF-16. */
static void namespaces(void **state)
{
#define STRICT "http://purl.oclc.org/ooxml/"
	const struct part parts[] = {
		{ "_rels/.rels",
			TEXT("<p:Relationships "
			     "xmlns:p=\"http://schemas.openxmlformats.org/package/2006/"
			     "relationships\"><p:Relationship Id=\"x\" Type=\"" STRICT
			     "officeDocument/relationships/officeDocument\" "
			     "Target=\"/a/B/../Book.xml\"/>"
			     "</p:Relationships>"),
			false, false },
		{ "a/_rels/book.XML.rels",
			TEXT("<Relationships "
			     "xmlns=\"http://schemas.openxmlformats.org/package/2006/"
			     "relationships\"><Relationship Id=\"k\" Type=\"" STRICT
			     "officeDocument/relationships/worksheet\" Target=\"../s/./1.xml\"/>"
			     "<Relationship Id=\"z\" Type=\"" STRICT
			     "officeDocument/relationships/externalLink\" TargetMode=\"External\" "
			     "Target=\"http://example.invalid/x\"/><Relationship Id=\"y\" "
			     "Type=\"" STRICT
			     "officeDocument/relationships/worksheet\" TargetMode=\"External\" "
			     "Target=\"http://example.invalid/y\"/></Relationships>"),
			true, false },
		{ "A/book.xml",
			TEXT("<m:workbook xmlns:m=\"" STRICT
			     "spreadsheetml/main\" xmlns:q=\"" STRICT
			     "officeDocument/relationships\" "
			     "conformance=\"strict\"><m:sheets><m:sheet "
			     "name=\"x\" sheetId=\"1\" q:id=\"k\"/></m:sheets></m:workbook>"),
			false, false },
		{ "s/1.xml",
			TEXT("<m:worksheet xmlns:m=\"" STRICT
			     "spreadsheetml/main\" xmlns:x14ac=\"urn:x14ac\" xmlns:o=\"urn:other\">"
			     "<m:sheetData><m:row r=\"1\" x14ac:dyDescent=\"0.25\" "
			     "x14ac:r=\"9\"><m:c "
			     "t=\"str\" "
			     "o:r=\"Z9\"><o:v>no</o:v><m:v>a</m:v></m:c></m:row><o:row><m:c "
			     "t=\"str\"><m:v>no</m:v></m:c></o:row><m:row><m:c "
			     "t=\"d\"><m:v>2019-05-01</m:v>"
			     "<m:extLst><m:ext><o:v>no</o:v></m:ext></m:extLst></m:c></m:row>"
			     "</m:sheetData></m:worksheet>"),
			false, false },
		{ NULL, { 0 }, false, false },
	};
	struct buf file = { 0 }, got = { 0 };

	(void)state;
	make_zip(&file, parts);
	read_with(&got, (struct reader_conf){ .format = READER_XLSX }, buf_as_text(&file), 999);
	assert_string_equal(got.p, "#1:a\n2:d:2019-05-01\n");
	buf_deinit(&file);
	buf_deinit(&got);
}

/* Text cells of a million characters, the longest Excel allows, and rows over their limit. */
static void long_cells(void **state)
{
	struct buf sheet = { 0 }, strings = { 0 };

	(void)state;
	buf_str(&strings, XML_HEAD "<sst xmlns=\"" MAIN_NS "\"><si><t>");
	for (int i = 0; i < 500000; i++)
		buf_str(&strings, "甲");
	buf_str(&strings, "</t></si><si><t>ok</t></si></sst>");
	buf_str(&sheet, XML_HEAD "<worksheet xmlns=\"" MAIN_NS "\"><sheetData>" HEAD_ROW
				 "<row r=\"2\"><c t=\"s\"><v>1</v></c><c t=\"s\"><v>0</v></c></row>"
				 "<row r=\"3\"><c t=\"inlineStr\"><is><t>");
	for (int i = 0; i < 300000; i++)
		buf_str(&sheet, "x甲");
	buf_str(&sheet, "</t></is></c><c><v>");
	for (int i = 0; i < 300000; i++)
		buf_str(&sheet, "1");
	buf_str(&sheet, "</v></c></row><row r=\"4\">");
	for (int i = 0; i < 3; i++) {
		buf_str(&sheet, "<c t=\"str\"><v>");
		for (int k = 0; k < 60000; k++)
			buf_str(&sheet, "y");
		buf_str(&sheet, "</v></c>");
	}
	buf_str(&sheet, "</row><row r=\"5\"><c><v>5</v></c></row></sheetData></worksheet>");
	expect_book(&(struct book){ .strings = strings.p, .sheet = sheet.p }, HEAD
		"2[1@1]:ok|甲甲甲甲甲甲甲甲甲甲甲甲甲\xe7|\n"
		"3[1@0]:x甲x甲x甲x甲x甲x甲x甲x甲x甲x甲|1111111111111111111111111111111111111111|\n"
		"4[1@2]:yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy|"
		"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy|\n5:n:5||\n");
	buf_deinit(&sheet);
	buf_deinit(&strings);
}

/* So many strings that they lie on the disk, asked for in any order. */
static void many_strings(void **state)
{
	struct buf strings = { 0 }, sheet = { 0 }, expected = { 0 };

	(void)state;
	buf_str(&strings, XML_HEAD "<sst xmlns=\"" MAIN_NS "\">");
	for (int i = 0; i < 60000; i++)
		buf_printf(&strings, "<si><t>string %d</t></si>", i);
	buf_str(&strings, "</sst>");
	buf_str(&sheet, XML_HEAD "<worksheet xmlns=\"" MAIN_NS "\"><sheetData>" HEAD_ROW);
	buf_str(&expected, HEAD);
	srand(5);
	for (int r = 2; r < 5000; r++) {
		int a = rand() % 60000, b = r * 11;

		buf_printf(&sheet, "<row><c t=\"s\"><v>%d</v></c><c t=\"s\"><v>%d</v></c></row>", a,
			b);
		buf_printf(&expected, "%d:string %d|string %d|\n", r, a, b);
	}
	buf_str(&sheet, "</sheetData></worksheet>");
	expect_book(&(struct book){ .strings = strings.p, .sheet = sheet.p }, expected.p);
	buf_deinit(&strings);
	buf_deinit(&sheet);
	buf_deinit(&expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shared_strings),
		cmocka_unit_test(inline_strings),
		cmocka_unit_test(gaps),
		cmocka_unit_test(dates),
		cmocka_unit_test(kinds),
		cmocka_unit_test(which_sheet),
		cmocka_unit_test(merged_cells),
		cmocka_unit_test(namespaces),
		cmocka_unit_test(long_cells),
		cmocka_unit_test(many_strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
