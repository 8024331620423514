/* The routes of closed periods, as rows. */
#include "daemon/periods/periods.h"

#include "daemon/periods/reproduce.h"

static int periods_start(struct daemon *d, struct errmsg *m)
{
	(void)m;
	reproduce_clean(d);
	return 0;
}

const struct daemon_part periods_part = { "periods", periods_start, NULL };

const struct api_route periods_read_routes[PERIODS_READ_ROUTES] = {
	{ .method = "GET",
		.path = "/v1/periods",
		.command = "period list [FORM]",
		.query = "form lang",
		.right = RIGHT_VIEWER,
		.help_en = "The closed versions of all forms, or of one.",
		.help_zh = "已关账的各版数据：全部报表，或其中一张。",
		.handle = route_period_list },
	{ .method = "GET",
		.path = "/v1/periods/{form}/{period}",
		.command = "period show FORM PERIOD",
		.query = "version lang",
		.right = RIGHT_VIEWER,
		.help_en = "A closed version: ledgers and positions, digests, names, missing "
			   "returns. As JSON it is the bulletin, which another node can prove.",
		.help_zh = "某一版的账本位置、摘要、签名人和缺报。JSON 即公报，可在另一节点复核。",
		.handle = route_period_show },
};

const struct api_route periods_city_routes[PERIODS_CITY_ROUTES] = {
	{ .method = "POST",
		.path = "/v1/periods/{form}/{period}/close",
		.command = "period close FORM PERIOD",
		.query = "despite lang",
		.right = RIGHT_ADMIN,
		.help_en = "Closes a period: positions of all ledgers and the figures there are "
			   "kept for ever as version 1. --despite TEXT: although returns are "
			   "missing.",
		.help_zh = "关账：记下各账本位置和该处的数字，作为第 1 版永久保存。有缺报时须用 "
			   "--despite 说明理由。",
		.handle = route_period_close },
	{ .method = "POST",
		.path = "/v1/periods/{form}/{period}/revise",
		.command = "period revise FORM PERIOD",
		.query = "class! reason! despite lang",
		.right = RIGHT_ADMIN,
		.help_en = "Makes the next version of a closed period, as the ledgers are now. "
			   "--class routine, error or definition.",
		.help_zh = "修订：按账本现状形成下一版。--class routine（常规修订）、error（差错更"
			   "正）或 definition（口径调整）。",
		.handle = route_period_revise },
	{ .method = "POST",
		.path = "/v1/periods/{form}/{period}/reproduce",
		.command = "period reproduce FORM PERIOD",
		.query = "version lang",
		.right = RIGHT_OPERATOR,
		.help_en = "Folds the ledgers anew up to the positions of a version, by its own "
			   "forms, and compares every figure; exit 1 on any difference.",
		.help_zh = "按某一版的账本位置和当时的报表重新汇总，逐格比较；有差异时退出码为 1。",
		.handle = route_period_reproduce },
	{ .method = "POST",
		.path = "/v1/periods/reproduce",
		.command = "period reproduce",
		.query = "file< signer lang",
		.right = RIGHT_OPERATOR,
		.help_en = "The same for a bulletin of another node that is fed by the same "
			   "districts. --signer: the key that must have sealed it.",
		.help_zh = "复核另一节点的公报（须由相同各区报送）。--signer：公报应由哪个公钥签"
			   "封。",
		.upload = &period_bulletin_upload },
	{ .method = "GET",
		.path = "/v1/periods/{form}/{period}/diff",
		.command = "period diff FORM PERIOD M N",
		.query = "m! n! limit lang",
		.right = RIGHT_OPERATOR,
		.help_en = "The cells in which two versions differ, and the records that made the "
			   "difference. N may be live: as the ledgers are now.",
		.help_zh = "两版之间有变动的指标，以及造成变动的记录。N 可写 live，即账本现状。",
		.handle = route_period_diff },
};
