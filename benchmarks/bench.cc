#include "benchmarks/bench.h"

#include <benchmark/benchmark.h>

#include <cstdio>
#include <fstream>

namespace
{

// Google Benchmark runs everything registered and then ends its report. Here it runs once per contest, and
// the reports become one: the context comes first and once, the end when the last contest is over.
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
        if (file_.is_open())
            json_.ReportRuns(runs);
        for (const Run &run : runs)
            if (run.aggregate_name == "median" || (settings_.repetitions == 1 && run.aggregate_name.empty()))
                print(run);
    }

    void Finalize() override
    {
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
    void print(const Run &run) const
    {
        const double seconds = (settings_.real_time ? run.GetAdjustedRealTime() : run.GetAdjustedCPUTime()) /
                               benchmark::GetTimeUnitMultiplier(run.time_unit);

        std::printf("%-52s %12.1f us", run.run_name.function_name.c_str(), 1e6 * seconds);
        for (const auto &counter : run.counters)
            std::printf("  %s %.1f", counter.first.c_str(), static_cast<double>(counter.second));
        std::printf("\n");
        std::fflush(stdout);
    }

    tw_bench_settings settings_;
    benchmark::JSONReporter json_;
    std::ofstream file_;
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
    if (work.peak_bytes > 0)
        count(state, "bandwidth%", 100 * work.bytes / work.peak_bytes);
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

void tw_bench_run(const tw_bench_row *rows, int count)
{
    const tw_bench_settings &settings = report->settings();

    benchmark::ClearRegisteredBenchmarks();
    for (int i = 0; i < count; i++) {
        const tw_bench_row &row = rows[i];
        auto *benchmark =
            benchmark::RegisterBenchmark(row.name, [row](benchmark::State &state) { measure(state, row); });

        benchmark->MinTime(settings.seconds)->Repetitions(settings.repetitions);
        if (settings.real_time)
            benchmark->UseRealTime();
    }
    benchmark::RunSpecifiedBenchmarks(report);
}

bool tw_bench_close(void)
{
    const bool ok = report->end();

    delete report;
    report = nullptr;
    benchmark::Shutdown();
    return ok;
}
