const three = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const whole = new Intl.NumberFormat("en");

export const count = (value: number) => whole.format(value);

export function rate(value: number): string {
  return value >= 1000 ? whole.format(Math.round(value)) : three.format(value);
}

export function seconds(value: number | null): string {
  if (value === null) return "–";
  if (value === 0) return "0 s";
  if (value >= 1) return `${three.format(value)} s`;
  return value >= 0.001 ? `${three.format(value * 1e3)} ms` : `${three.format(value * 1e6)} µs`;
}

export const percent = (value: number | null) => (value === null ? "–" : `${Math.round(value * 100)} %`);

export function bytes(value: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, value)) / 3));
  return `${three.format(value / 1000 ** power)} ${units[power]}`;
}

export const plural = (number: number, word: string) => `${count(number)} ${word}${number === 1 ? "" : "s"}`;

export function clock(time: number): string {
  return new Date(time * 1000).toLocaleTimeString("en-GB");
}

export function duration(value: number): string {
  const whole = Math.floor(value);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return (parts[0] ? parts : parts.slice(1)).map((part) => String(part).padStart(2, "0")).join(":");
}
