/* The routes of returns, as rows. */
#include "daemon/returns/routes.h"

const struct api_route returns_read_routes[RETURNS_READ_ROUTES] = {
	{ .method = "GET",
		.path = "/v1/returns",
		.command = "return list",
		.query = "period form area state summary? lang",
		.right = RIGHT_VIEWER,
		.help_en =
			"Returns: state, when and by whom they were signed, due, late by n days, "
			"what is asked of them. --summary: completeness and timeliness of each "
			"district. Without --period: what was due in the last twelve months or "
			"is yet to come of periods that have ended.",
		.help_zh =
			"上报情况：状态、签报日期与人员、期限、迟报天数、退回的问题。--summary "
			"按区列出报送率和及时率。不给 --period 时列出近十二个月到期和尚未到期的。",
		.handle = route_return_list },
};

const struct api_route returns_district_routes[RETURNS_DISTRICT_ROUTES] = {
	{ .method = "POST",
		.path = "/v1/returns/{form}/{period}/sign",
		.command = "return sign FORM PERIOD",
		.query = "by! approve! lang",
		.right = RIGHT_OPERATOR,
		.help_en = "Signs the district's figures as they stand: who made the return (--by) "
			   "and who answers for it (--approve). Warns of checks that do not hold.",
		.help_zh = "签报本区此刻的数字：--by 填报人，--approve 负责人。不符合的审核关系"
			   "会列出提示。",
		.handle = route_return_sign },
	{ .method = "POST",
		.path = "/v1/returns/{form}/{period}/explain/{check}",
		.command = "return explain FORM PERIOD CHECK",
		.query = "row words! lang",
		.right = RIGHT_OPERATOR,
		.help_en = "Explains a soft check that does not hold: in one row (--row, as `check "
			   "run` prints it), or wherever it does not.",
		.help_zh =
			"对不符合的核实性审核关系作说明：某一行（--row，写法同 check run）或整条。",
		.handle = route_return_explain },
};

const struct api_route returns_city_routes[RETURNS_CITY_ROUTES] = {
	{ .method = "GET",
		.path = "/v1/returns/{form}/{period}/{area}",
		.command = "return show FORM PERIOD AREA",
		.query = "all? lang",
		.right = RIGHT_VIEWER,
		.help_en = "What the district signed beside what its records say now: the cells "
			   "that differ, or --all.",
		.help_zh = "该区签报数与此刻登记册汇总数的对照：只列不同的单元，--all 列出全部。",
		.handle = route_return_show },
	{ .method = "POST",
		.path = "/v1/returns/{form}/{period}/{area}/accept",
		.command = "return accept FORM PERIOD AREA",
		.query = "words lang",
		.right = RIGHT_OPERATOR,
		.help_en = "Accepts a signed return; refused while a hard check does not hold, or "
			   "a soft one that the district has not explained.",
		.help_zh = "接收已签报的报表；有强制性审核不符，或核实性审核不符而未作说明时不予接"
			   "收。",
		.handle = route_return_accept },
	{ .method = "POST",
		.path = "/v1/returns/{form}/{period}/{area}/send-back",
		.command = "return send-back FORM PERIOD AREA",
		.query = "words! check lang",
		.right = RIGHT_OPERATOR,
		.help_en = "Sends a return back with words, and with both sides of the check "
			   "(--check), or of all that hinder its acceptance.",
		.help_zh = "退回报表并附说明，带上该审核关系（--check）或全部妨碍接收的两侧数值。",
		.handle = route_return_send_back },
};
