// Asks Prometheus as Grafana's data source does: variables, steps, frames; knows nothing of how panels look.
import { FieldType, rangeUtil } from '@grafana/data';

const asked = new URLSearchParams(location.search);
export const until = Number(asked.get('until'));
export const seconds = Number(asked.get('seconds'));
export const from = until - seconds;
const scrapeInterval = asked.get('scrape') ?? '15s';

type Series = { metric: Record<string, string>; value: [number, string]; values: Array<[number, string]> };
export type Answer = { query: string; series: number; samples: number; notNumbers: number; fractions: number; error?: string };

async function ask(path: string, parameters: Record<string, string>): Promise<any> {
  const response = await fetch(`/prometheus/api/v1/${path}?${new URLSearchParams(parameters)}`);
  const body = await response.json();
  if (body.status !== 'success') throw new Error(body.error);
  return body.data;
}

const secondsOf = (duration: string) => rangeUtil.intervalToMs(duration) / 1000;

export function filled(text: string, values: Record<string, string>): string {
  return text.replace(/\$\{?(\w+)(?::\w+)?\}?/g, (whole, name) => values[name] ?? whole);
}

function legendOf(format: string, labels: Record<string, string>): string {
  return format.replace(/{{\s*(\w+)\s*}}/g, (_, label) => labels[label] ?? '');
}

// The values of each variable: All is every value that is found, as Grafana offers it.
export async function variablesOf(dashboard: any): Promise<Array<{ name: string; label: string; shown: string; value: string }>> {
  const found: Array<{ name: string; label: string; shown: string; value: string }> = [];
  for (const variable of dashboard.templating.list) {
    const label = variable.label ?? variable.name;
    if (variable.type === 'textbox') {
      found.push({ name: variable.name, label, shown: variable.query, value: variable.query });
    } else if (variable.type === 'query') {
      const [, selector, name] = /^label_values\((.+), (\w+)\)$/.exec(variable.query.query)!;
      const known = Object.fromEntries(found.map((one) => [one.name, one.value]));
      const values: string[] = await ask(`label/${name}/values`, { 'match[]': filled(selector, known), start: `${from}`, end: `${until}` });
      found.push({ name: variable.name, label, shown: 'All', value: `(${values.join('|')})` });
    } else {
      found.push({ name: variable.name, label, shown: 'Prometheus', value: 'prometheus' });
    }
  }
  return found;
}

export async function framesOf(panel: any, target: any, width: number, variables: Record<string, string>): Promise<[any[], Answer]> {
  const interval = target.interval ?? scrapeInterval;
  const range: any = { from: from * 1000, to: until * 1000 };
  const step = rangeUtil.calculateInterval(range, Math.floor(width), interval).intervalMs / 1000;
  const rate = Math.max(step + secondsOf(interval), 4 * secondsOf(interval));
  const query = filled(target.expr, { ...variables, __interval: `${step}s`, __rate_interval: `${rate}s`, __range: `${seconds}s` });
  const answer: Answer = { query, series: 0, samples: 0, notNumbers: 0, fractions: 0 };
  try {
    const result: Series[] = target.instant
      ? (await ask('query', { query, time: `${until}` })).result
      : (await ask('query_range', { query, start: `${Math.ceil(from / step) * step}`, end: `${until}`, step: `${step}` })).result;
    const numbers = result.flatMap((one) => (one.values ?? [one.value]).map(([, text]) => Number(text)));
    Object.assign(answer, {
      series: result.length,
      samples: numbers.length,
      notNumbers: numbers.filter((one) => !Number.isFinite(one)).length,
      fractions: numbers.filter((one) => Number.isFinite(one) && !Number.isInteger(one)).length,
    });
    return [target.format === 'table' ? [tableOf(panel, target, result)] : result.map((one) => graphOf(target, one, step)), answer];
  } catch (error) {
    return [[], { ...answer, error: String(error) }];
  }
}

function tableOf(panel: any, target: any, result: Series[]): any {
  const labels = [...new Set(result.flatMap((one) => Object.keys(one.metric)))].sort();
  const name = panel.targets.length > 1 ? `Value #${target.refId}` : 'Value';
  return {
    refId: target.refId,
    length: result.length,
    fields: [
      { name: 'Time', type: FieldType.time, config: {}, values: result.map((one) => one.value[0] * 1000) },
      ...labels.map((label) => ({ name: label, type: FieldType.string, config: {}, values: result.map((one) => one.metric[label] ?? '') })),
      { name, type: FieldType.number, config: {}, values: result.map((one) => Number(one.value[1])) },
    ],
  };
}

// One series with a null in each gap, so that a line ends where the samples do.
function graphOf(target: any, one: Series, step: number): any {
  const times: number[] = [];
  const values: Array<number | null> = [];
  for (const [at, text] of one.values ?? [one.value]) {
    const last = times.at(-1);
    if (last !== undefined && at * 1000 - last > step * 1500) {
      times.push(last + step * 1000);
      values.push(null);
    }
    times.push(at * 1000);
    values.push(Number.isFinite(Number(text)) ? Number(text) : null);
  }
  const config = { displayNameFromDS: legendOf(target.legendFormat, one.metric) };
  return {
    refId: target.refId,
    length: times.length,
    fields: [
      { name: 'Time', type: FieldType.time, config: { interval: step * 1000 }, values: times },
      { name: 'Value', type: FieldType.number, labels: one.metric, config, values },
    ],
  };
}

// Moments that are the value of a query, in milliseconds; those outside of the range are not drawn.
export async function marksOf(dashboard: any, variables: Record<string, string>): Promise<Array<{ at: number; colour: string; title: string }>> {
  const found = new Map<string, { at: number; colour: string; title: string }>();
  for (const annotation of dashboard.annotations.list) {
    if (!annotation.enable || !annotation.expr) continue;
    const step = `${secondsOf(annotation.step ?? scrapeInterval)}`;
    const data = await ask('query_range', { query: filled(annotation.expr, variables), start: `${from}`, end: `${until}`, step });
    for (const one of data.result as Series[]) {
      for (const [, value] of one.values) {
        const mark = { at: Number(value), colour: annotation.iconColor, title: legendOf(annotation.titleFormat, one.metric) };
        if (mark.at >= from * 1000 && mark.at <= until * 1000) found.set(`${mark.title} ${mark.at}`, mark);
      }
    }
  }
  return [...found.values()];
}
