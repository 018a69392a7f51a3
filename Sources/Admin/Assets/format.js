// Numbers, sizes and times for people, in the browser's own language.

const numbers = new Intl.NumberFormat();
const exactTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const relativeTime = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

export const number = (value) => numbers.format(value);

export const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

/** A rate or size with three digits that matter. */
const short = (value) => numbers.format(Number(value.toPrecision(3)));

export function size(bytes) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let step = 0;
  while (bytes >= 999.5 && step < units.length - 1) {
    bytes /= 1000;
    step += 1;
  }
  return `${short(bytes)} ${units[step]}`;
}

/** Rates wobble; three digits are already more than they are worth. */
export const rate = (perSecond, unit) => `${short(Math.round(perSecond))} ${unit}/s`;

export function duration(seconds) {
  if (seconds < 0.01) return "under 0.01 s";
  if (seconds < 10) return `${numbers.format(Number(seconds.toFixed(seconds < 1 ? 2 : 1)))} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export const exact = (time) => exactTime.format(new Date(time));

export function relative(time) {
  const seconds = (new Date(time) - Date.now()) / 1000;
  const steps = [[60, "second", 1], [3600, "minute", 60], [86400, "hour", 3600], [86400 * 30, "day", 86400]];
  if (seconds > -5) return "just now";
  for (const [limit, unit, length] of steps) {
    if (-seconds < limit) return relativeTime.format(Math.ceil(seconds / length), unit);
  }
  return exactTime.format(new Date(time));
}
