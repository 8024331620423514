/* A trouble is told once, and again after LOG_AGAIN_MS: the link and what is followed each have
 * their own, so that neither makes the other talk. */
#include "daemon/link/child_board.h"

#include <stdio.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/link/fault.h"

#define LOG_AGAIN_MS 600000 /* the same trouble is logged again after this long */

void board_init(struct child_board *b, const struct link_child_conf *conf)
{
	*b = (struct child_board){ 0 };
	pthread_mutex_init(&b->lock, NULL);
	snprintf(b->status.name, sizeof b->status.name, "%s", conf->name);
	snprintf(b->status.endpoint, sizeof b->status.endpoint, "%s", conf->endpoint);
	memcpy(b->status.signer, conf->signer, SIGN_PUBLIC_BYTES);
}

void board_deinit(struct child_board *b)
{
	pthread_mutex_destroy(&b->lock);
}

static bool worth_telling(struct board_told *t, const char *words)
{
	uint64_t now = clock_mono_ms();

	if (strcmp(words, t->words) == 0 && now - t->at_ms < LOG_AGAIN_MS)
		return false;
	snprintf(t->words, sizeof t->words, "%s", words);
	t->at_ms = now;
	return true;
}

static void tell(struct child_board *b, enum log_level level, const char *words)
{
	if (worth_telling(&b->link, words))
		log_line(level, "link", "parent %s: %s", b->status.name, words);
}

void board_publish(struct child_board *b, const struct child *m)
{
	struct link_child_status *s = &b->status;

	pthread_mutex_lock(&b->lock);
	snprintf(s->state, sizeof s->state, "%s", child_state_word(m->state));
	s->acked = m->ledgers[0].acked;
	s->pending = m->ledgers[0].position;
	s->fault = m->fault;
	if (m->state == CHILD_STREAMING && m->fault == LINK_OK)
		s->error[0] = '\0';
	s->decisions.origin = m->follow.origin;
	s->decisions.published = m->follow.published;
	s->decisions.behind = m->follow.published > m->follow.position
				      ? m->follow.published - m->follow.position
				      : 0;
	s->decisions.fault = m->follow.fault;
	if (m->follow.fault == LINK_OK)
		s->decisions.error[0] = '\0';
	s->questions.granted = m->state == CHILD_STREAMING ? m->questions.granted : 0;
	s->questions.stray = m->questions.stray;
	if (m->state == CHILD_STREAMING)
		b->away_ms = 0;
	else if (!b->away_ms)
		b->away_ms = clock_mono_ms();
	pthread_mutex_unlock(&b->lock);
	if (m->state == CHILD_STREAMING)
		tell(b, LOG_LEVEL_INFO, "streaming");
}

void board_report(struct child_board *b, int fault, struct text reason, enum child_state before)
{
	static const char *const lost[CHILD_STATES] = {
		[CHILD_CONNECTING] = "no connection",
		[CHILD_GREETING] = "no answer to the greeting",
		[CHILD_STREAMING] = "connection lost",
	};
	char words[200];

	if (fault)
		fault_print(words, sizeof words, fault, reason);
	else
		snprintf(
			words, sizeof words, "%s", lost[before] ? lost[before] : "connection lost");
	pthread_mutex_lock(&b->lock);
	if (fault)
		b->status.faults++;
	if (fault || b->status.fault == LINK_OK)
		snprintf(b->status.error, sizeof b->status.error, "%s", words);
	pthread_mutex_unlock(&b->lock);
	tell(b, fault ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, words);
}

void board_named(struct child_board *b, int fault, struct text reason)
{
	char words[200];

	fault_print(
		words, sizeof words, fault, reason.n ? reason : text_of(fault_follow_words(fault)));
	pthread_mutex_lock(&b->lock);
	b->status.decisions.refused[fault > 0 && fault < LINK_FAULT_END ? fault : 0]++;
	snprintf(b->status.decisions.error, sizeof b->status.decisions.error, "%s", words);
	pthread_mutex_unlock(&b->lock);
	if (worth_telling(&b->follow, words))
		log_warning("link", "parent %s: its decisions are not taken in: %s", b->status.name,
			words);
}

void board_count_session(struct child_board *b)
{
	pthread_mutex_lock(&b->lock);
	b->status.sessions++;
	pthread_mutex_unlock(&b->lock);
}

void board_count_batch(struct child_board *b, size_t bytes)
{
	pthread_mutex_lock(&b->lock);
	b->status.sent_batches++;
	b->status.sent_bytes += bytes;
	pthread_mutex_unlock(&b->lock);
}

void board_count_published(struct child_board *b, size_t bytes)
{
	pthread_mutex_lock(&b->lock);
	b->status.decisions.batches++;
	b->status.decisions.bytes += bytes;
	pthread_mutex_unlock(&b->lock);
}

void board_heard(struct child_board *b)
{
	pthread_mutex_lock(&b->lock);
	b->last_ack_ms = clock_mono_ms();
	pthread_mutex_unlock(&b->lock);
}

void board_status(
	struct child_board *b, const struct receipts_state *stored, struct link_child_status *out)
{
	pthread_mutex_lock(&b->lock);
	*out = b->status;
	uint64_t heard = b->last_ack_ms, away = b->away_ms;
	pthread_mutex_unlock(&b->lock);
	uint64_t own = out->pending, acked = stored->acked;
	/* A parent that lost what it had confirmed holds what it says in this session. */
	if (strcmp(out->state, "streaming") == 0 && out->acked < acked)
		acked = out->acked;
	out->acked = acked;
	out->proven = stored->proven < acked ? stored->proven : acked;
	out->pending = own > acked ? own - acked : 0;
	out->last_ack_age_s = heard ? (double)(clock_mono_ms() - heard) / 1000.0 : -1;
	out->away_s = away ? (double)(clock_mono_ms() - away) / 1000.0 : -1;
}
