/** LATENCY DOCTOR's text. */
import type { ServerPort } from '../server-port.js';

const DISABLED =
  "I'm sorry, Dave, I can't do that. Latency monitoring is disabled in this Redis instance. You may use \"CONFIG SET latency-monitor-threshold <milliseconds>.\" in order to enable it. If we weren't in a deep space mission I'd suggest to take a look at https://redis.io/topics/latency-monitor.\n";

export function latencyReport(server: ServerPort): string {
  if (server.config.value('latency-monitor-threshold') === '0') return DISABLED;
  const events = server.latency.latest();
  if (events.length === 0) return 'No latency spike was seen since the monitor was switched on or reset.\n';
  let text = `Latency spikes of ${events.length} event${events.length === 1 ? '' : 's'}:\n\n`;
  events.forEach((event, i) => {
    const samples = server.latency.history(event.name);
    const mean = samples.reduce((sum, [, ms]) => sum + ms, 0) / Math.max(1, samples.length);
    text += `${i + 1}. ${event.name}: ${samples.length} latency spikes (average ${mean.toFixed(0)}ms, worst ${event.maxMs}ms).\n`;
  });
  if (events.some((event) => event.name.startsWith('aof'))) {
    text +=
      '\nThe log waits for the disk: look at aof_delayed_fsync and the everysec section of INFO, and at what else writes there.\n';
  }
  return text;
}
