// Two minutes of numbers of one session, as they came.

const SECONDS = 120;

export class History {
  points = []; // {at: seconds of this page's clock, rate, p50, p95, drops: a second, objects, level, queues: {stage: n}}
  last = null;
  #before = null;

  add(stats, now = performance.now() / 1000) {
    const before = this.#before;
    const again = !before || stats.t < before.t || stats.dropped < before.dropped; // a new run counts from zero
    const gap = again ? 0 : stats.t - before.t;
    this.points.push({
      at: now,
      rate: stats.rate ?? 0,
      p50: stats.latency_ms?.p50 ?? null,
      p95: stats.latency_ms?.p95 ?? null,
      drops: gap > 0 ? (stats.dropped - before.dropped) / gap : 0,
      objects: stats.objects ?? 0,
      level: stats.level ?? null,
      queues: Object.fromEntries((stats.stages ?? []).map((stage) => [stage.name, stage.queue])),
    });
    while (this.points.length && this.points[0].at < now - SECONDS) this.points.shift();
    this.#before = stats;
    this.last = stats;
  }

  get seconds() {
    return SECONDS;
  }
}
