#include "worker/histogram.h"

const uint64_t histogram_bounds_us[HISTOGRAM_BOUNDS] = {
    100,    250,    500,    1000,    2500,    5000,    10000,    25000,    50000,
    100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000, 30000000,
};

void histogram_add(struct histogram *histogram, uint64_t us)
{
    size_t i = 0;

    while (i < HISTOGRAM_BOUNDS && us > histogram_bounds_us[i])
        i++;
    histogram->counts[i]++;
    histogram->sum_us += us;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++)
        into->counts[i] += from->counts[i];
    into->sum_us += from->sum_us;
}

uint64_t histogram_count(const struct histogram *histogram)
{
    uint64_t count = 0;

    for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++)
        count += histogram->counts[i];
    return count;
}

uint64_t histogram_quantile_us(const struct histogram *histogram, double share)
{
    double left = share * (double)histogram_count(histogram);
    uint64_t below = 0;

    if (left <= 0)
        return 0;
    for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
        double in = (double)histogram->counts[i];

        if (in > 0 && left <= in)
            return below + (uint64_t)((double)(histogram_bounds_us[i] - below) * left / in);
        left -= in;
        below = histogram_bounds_us[i];
    }
    return below;
}
