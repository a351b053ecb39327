#include "benchmarks/bench.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

namespace
{

using Runs = std::vector<benchmark::BenchmarkReporter::Run>;

// What one measurement of a contest gave, a row after the other as they ended.
struct Measurement {
    std::vector<Runs> rows;
    double spread = 0;
};

// Times are nanoseconds.
double seconds(double time)
{
    return time / benchmark::GetTimeUnitMultiplier(benchmark::kNanosecond);
}

// CPU times of a row's repetitions.
std::vector<double> times_of(const Measurement &measurement, const std::string &row)
{
    std::vector<double> times;

    for (const Runs &runs : measurement.rows)
        for (const auto &run : runs)
            if (run.run_type == benchmark::BenchmarkReporter::Run::RT_Iteration &&
                run.run_name.function_name == row)
                times.push_back(run.GetAdjustedCPUTime());
    return times;
}

double median(std::vector<double> values)
{
    std::sort(values.begin(), values.end());
    return (values[(values.size() - 1) / 2] + values[values.size() / 2]) / 2;
}

// The distance of the largest ratio to the smallest, as a part of the median: of the fastest peer to the first row,
// repetition by repetition; where there is no peer, of the first row's times.
double spread_of(const Measurement &measurement, const tw_bench_row *rows, int count)
{
    std::vector<double> ratios = times_of(measurement, rows[0].name), fastest;

    for (int i = 1; i < count; i++) {
        const std::vector<double> times = times_of(measurement, rows[i].name);

        if (rows[i].peer && times.size() == ratios.size() &&
            (fastest.empty() || median(times) < median(fastest)))
            fastest = times;
    }
    for (size_t i = 0; i < fastest.size(); i++)
        ratios[i] = fastest[i] / ratios[i];
    if (ratios.empty())
        return 0.0;
    return (*std::max_element(ratios.begin(), ratios.end()) -
            *std::min_element(ratios.begin(), ratios.end())) /
           median(ratios);
}

// Bytes per second of the stream's best repetition; 0 without one.
double peak_of(const Measurement &measurement, const tw_bench_row *stream)
{
    std::vector<double> times;

    if (stream)
        times = times_of(measurement, stream->name);
    return times.empty() ? 0.0 : stream->work.bytes / seconds(*std::min_element(times.begin(), times.end()));
}

// Google Benchmark runs everything registered and then ends its report. Here it runs once per measurement of a contest;
// of these one is kept, and the reports become one: the context comes first and once, the end when the last contest is
// over.
class Report : public benchmark::BenchmarkReporter
{
  public:
    explicit Report(const tw_bench_settings &settings) : settings_(settings)
    {
        if (settings.json_path) {
            file_.open(settings.json_path);
            json_.SetOutputStream(&file_);
        }
    }

    bool ReportContext(const Context &context) override
    {
        if (file_.is_open() && !started_)
            json_.ReportContext(context);
        started_ = true;
        return true;
    }

    void ReportRuns(const std::vector<Run> &runs) override
    {
        measured_.rows.push_back(runs);
    }

    void Finalize() override
    {
    }

    // What has been measured since the last time.
    Measurement take()
    {
        Measurement taken;

        std::swap(taken, measured_);
        return taken;
    }

    void keep(const Measurement &measurement, const tw_bench_row *rows, const tw_bench_row *stream)
    {
        const double peak = peak_of(measurement, stream);

        for (Runs runs : measurement.rows) {
            if (stream && runs[0].run_name.function_name == stream->name)
                continue;
            for (Run &run : runs) // all rows of a contest move the same
                if (peak > 0 && (run.run_type == Run::RT_Iteration || run.aggregate_name == "median"))
                    run.counters["bandwidth%"] =
                        100 * rows[0].work.bytes / seconds(run.GetAdjustedCPUTime()) / peak;
            if (file_.is_open())
                json_.ReportRuns(runs);
            for (const Run &run : runs)
                if (run.aggregate_name == "median" ||
                    (settings_.repetitions == 1 && run.aggregate_name.empty()))
                    print(run);
        }
    }

    bool end()
    {
        if (!file_.is_open())
            return settings_.json_path == nullptr;
        if (started_)
            json_.Finalize();
        file_.close();
        return !file_.fail();
    }

    const tw_bench_settings &settings() const
    {
        return settings_;
    }

    bool is_open() const
    {
        return settings_.json_path == nullptr || file_.is_open();
    }

  private:
    static void print(const Run &run)
    {
        const double microseconds = 1e6 * seconds(run.GetAdjustedCPUTime());

        std::printf("%-52s %12.*f us", run.run_name.function_name.c_str(), microseconds < 100 ? 3 : 1,
                    microseconds);
        for (const auto &counter : run.counters)
            std::printf("  %s %.1f", counter.first.c_str(), static_cast<double>(counter.second));
        std::printf("\n");
        std::fflush(stdout);
    }

    tw_bench_settings settings_;
    benchmark::JSONReporter json_;
    std::ofstream file_;
    Measurement measured_;
    bool started_ = false;
};

Report *report;

// A counter of `amount` per second and call.
void count(benchmark::State &state, const char *name, double amount)
{
    if (amount > 0)
        state.counters[name] = benchmark::Counter(amount, benchmark::Counter::kIsIterationInvariantRate);
}

void measure(benchmark::State &state, const tw_bench_row &row)
{
    const tw_bench_work &work = row.work;

    for (auto _ : state) {
        row.run(row.context);
        benchmark::ClobberMemory();
    }
    count(state, "GFLOP/s", work.flops / 1e9);
    count(state, "GB/s", work.bytes / 1e9);
    if (work.peak_flops > 0)
        count(state, "peak%", 100 * work.flops / work.peak_flops);
}

} // namespace

bool tw_bench_open(const tw_bench_settings *settings)
{
    static char program[] = "tower-bench"; // which Initialize keeps
    char interleave[] = "--benchmark_enable_random_interleaving=true";
    char *arguments[] = {program, interleave, nullptr};
    int count = 2;

    benchmark::Initialize(&count, arguments);
    report = new Report(*settings);
    return report->is_open();
}

void tw_bench_note(const char *key, const char *value)
{
    benchmark::AddCustomContext(key, value);
}

namespace
{

void enter(const tw_bench_row &row)
{
    benchmark::RegisterBenchmark(row.name, [row](benchmark::State &state) { measure(state, row); })
        ->MinTime(report->settings().seconds)
        ->Repetitions(report->settings().repetitions);
}

} // namespace

void tw_bench_run(const tw_bench_row *rows, int count, const tw_bench_row *stream)
{
    const int most = 3;
    const double enough = report->settings().spread;
    Measurement best;

    benchmark::ClearRegisteredBenchmarks();
    for (int i = 0; i < count; i++)
        enter(rows[i]);
    if (stream)
        enter(*stream);
    for (int i = 0; i < most; i++) {
        benchmark::RunSpecifiedBenchmarks(report);
        Measurement next = report->take();

        next.spread = spread_of(next, rows, count);
        if (i == 0 || next.spread < best.spread)
            std::swap(best, next);
        if (best.spread <= enough)
            break;
        if (i + 1 < most)
            std::fprintf(stderr, "tower-bench: %s: spread %.0f %%, measured again\n", rows[0].name,
                         100 * best.spread);
    }
    report->keep(best, rows, stream);
}

bool tw_bench_close(void)
{
    const bool ok = report->end();

    delete report;
    report = nullptr;
    benchmark::Shutdown();
    return ok;
}
