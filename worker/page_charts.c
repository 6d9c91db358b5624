/* Small charts of the last hour, as SVG: a minute each, now at the right. */
#include <event2/buffer.h>
#include <inttypes.h>

#include "worker/page_parts.h"

enum { WIDTH = 600, HEIGHT = 100, STEP = WIDTH / HISTORY_MINUTES, SPARK_WIDTH = 120, SPARK_HEIGHT = 20 };

static uint32_t all_of(const struct minute *minute)
{
    return minute->ok + minute->failed;
}

static uint32_t most_of(const struct history *history, uint64_t now_us)
{
    uint32_t most = 0;

    for (size_t ago = 0; ago < HISTORY_MINUTES; ago++)
        if (all_of(history_ago(history, now_us, ago)) > most)
            most = all_of(history_ago(history, now_us, ago));
    return most;
}

static void put_bar(struct evbuffer *out, const char *class, size_t ago, uint32_t from, uint32_t count, uint32_t most)
{
    double unit = (double)HEIGHT / most;

    if (count > 0)
        putf(out, "<rect class=\"%s\" x=\"%zu\" y=\"%.1f\" width=\"%d\" height=\"%.1f\"/>", class,
             (HISTORY_MINUTES - 1 - ago) * STEP + 1, HEIGHT - unit * (from + count), STEP - 2, unit * count);
}

static void put_axis(struct evbuffer *out)
{
    put(out, "</svg><p class=\"axis\" aria-hidden=\"true\"><span>an hour ago</span><span>now</span></p></figure>\n");
}

void put_rate_chart(const struct status *status, struct evbuffer *out)
{
    const struct history *history = &status->journal->all;
    uint32_t most = most_of(history, status->now_us), failed = 0, sum = 0;

    for (size_t ago = 0; ago < HISTORY_MINUTES; ago++) {
        const struct minute *minute = history_ago(history, status->now_us, ago);

        failed += minute->failed;
        sum += all_of(minute);
    }
    putf(out,
         "<figure><figcaption><span>Requests in the last hour</span><strong>%u</strong><small>%u of them failed; %u a "
         "minute "
         "at most</small></figcaption><svg role=\"img\" viewBox=\"0 0 %d %d\" preserveAspectRatio=\"none\" "
         "aria-label=\"Requests of each minute of the last hour, %u at most\">",
         sum, failed, most, WIDTH, HEIGHT, most);
    for (size_t ago = 0; most > 0 && ago < HISTORY_MINUTES; ago++) {
        const struct minute *minute = history_ago(history, status->now_us, ago);

        put_bar(out, "good", ago, 0, minute->ok, most);
        put_bar(out, "fail", ago, minute->ok, minute->failed, most);
    }
    put_axis(out);
}

/* Of the minutes that had any; where there was none, there is no line. */
static void put_line(const struct status *status, struct evbuffer *out, const char *class, double share,
                     uint64_t most_us)
{
    bool is_drawing = false;

    putf(out, "<path class=\"%s\" d=\"", class);
    for (size_t ago = HISTORY_MINUTES; ago-- > 0;) {
        const struct histogram *times = journal_times_ago(status->journal, status->now_us, ago);
        size_t x = (HISTORY_MINUTES - 1 - ago) * STEP;
        double y;

        if (times == NULL) {
            is_drawing = false;
            continue;
        }
        y = HEIGHT - (double)HEIGHT * (double)histogram_quantile_us(times, share) / (double)most_us;
        putf(out, "%c%zu %.1fh%d", is_drawing ? 'L' : 'M', x, y, STEP);
        is_drawing = true;
    }
    put(out, "\"/>");
}

void put_time_chart(const struct status *status, struct evbuffer *out)
{
    struct histogram hour = {.sum_us = 0};
    uint64_t most_us = 1, slow_us;

    for (size_t ago = 0; ago < HISTORY_MINUTES; ago++) {
        const struct histogram *times = journal_times_ago(status->journal, status->now_us, ago);

        if (times == NULL)
            continue;
        histogram_merge(&hour, times);
        slow_us = histogram_quantile_us(times, 0.95);
        most_us = slow_us > most_us ? slow_us : most_us;
    }
    put(out, "<figure><figcaption><span>From request to reply</span><strong>");
    put_age(out, histogram_quantile_us(&hour, 0.5));
    put(out, "</strong><small>half of the hour’s took at most that; 95&nbsp;% at most ");
    put_age(out, histogram_quantile_us(&hour, 0.95));
    putf(out,
         "</small></figcaption><svg role=\"img\" viewBox=\"0 0 %d %d\" preserveAspectRatio=\"none\" aria-label=\"How "
         "long "
         "requests took in each minute of the last hour: half of them, and 95 percent\">",
         WIDTH, HEIGHT);
    put_line(status, out, "slow", 0.95, most_us);
    put_line(status, out, "half", 0.5, most_us);
    put_axis(out);
}

void put_sparkline(const struct history *history, uint64_t now_us, struct evbuffer *out)
{
    uint32_t most = most_of(history, now_us), sum = 0;

    if (most == 0) {
        put(out, "<span class=\"none\">none</span>");
        return;
    }
    for (size_t ago = 0; ago < HISTORY_MINUTES; ago++)
        sum += all_of(history_ago(history, now_us, ago));
    putf(out,
         "<svg class=\"spark\" role=\"img\" viewBox=\"0 0 %d %d\" preserveAspectRatio=\"none\" aria-label=\"%u "
         "requests in "
         "the last hour, %u a minute at most\"><path d=\"M0 %d",
         SPARK_WIDTH, SPARK_HEIGHT, sum, most, SPARK_HEIGHT);
    for (size_t ago = HISTORY_MINUTES; ago-- > 0;)
        putf(out, "V%.1fh2", SPARK_HEIGHT - (double)SPARK_HEIGHT * all_of(history_ago(history, now_us, ago)) / most);
    putf(out, "V%dz\"/></svg><span>%u</span>", SPARK_HEIGHT, sum);
}
