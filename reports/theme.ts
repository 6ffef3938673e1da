import type { Config } from 'vega-lite';

/**
 * Every colour of the report, in light and in dark. Specs hold the light value, so that a saved chart stands on its
 * own; the page replaces each by its CSS variable, so that dark mode and print need no second drawing.
 * Stack colours: Okabe and Ito's palette, safe without colour vision, lightened for dark; in place of its yellow, which is
 * too pale, and its black, which is the ink, a dark violet and a dark brown. From the ninth on each is as far as can be from all
 * before it, from the ink and from the paper.
 */
const palette = {
  paper: { light: '#ffffff', dark: '#14171c' },
  ink: { light: '#1f242b', dark: '#e6e9ee' },
  muted: { light: '#5c6672', dark: '#9aa5b3' },
  grid: { light: '#e6e9ed', dark: '#2a3038' },
  axis: { light: '#b9c0c9', dark: '#485260' },
  burst: { light: '#f3f0e6', dark: '#23221d' },
  better: { light: '#e8f3ee', dark: '#182822' },
  target: { light: '#8a3b12', dark: '#f0a477' },
  stack0: { light: '#0072b2', dark: '#5cb0e6' },
  stack1: { light: '#d55e00', dark: '#ff8f3f' },
  stack2: { light: '#009e73', dark: '#35c99c' },
  stack3: { light: '#b0568d', dark: '#e29bc6' },
  stack4: { light: '#e69f00', dark: '#f4bf4a' },
  stack5: { light: '#56b4e9', dark: '#9ad5f7' },
  stack6: { light: '#3f2b96', dark: '#8a7cf5' },
  stack7: { light: '#5a3e1b', dark: '#d8d8a0' },
  stack8: { light: '#86b42a', dark: '#56960c' },
  stack9: { light: '#fe526e', dark: '#d82a51' },
  stack10: { light: '#e59077', dark: '#ca4324' },
  stack11: { light: '#a8aa6b', dark: '#e7f161' },
  stack12: { light: '#003a01', dark: '#a1fe93' },
  stack13: { light: '#d884fb', dark: '#f39cfb' },
  stack14: { light: '#770515', dark: '#f48686' },
  stack15: { light: '#628bfc', dark: '#696cb0' },
  stack16: { light: '#890383', dark: '#c039a3' },
  stack17: { light: '#471f58', dark: '#9e6444' },
  stack18: { light: '#17a743', dark: '#4d7c5a' },
  stack19: { light: '#8f6d0d', dark: '#78751f' },
  stack20: { light: '#b39ae0', dark: '#0d7e89' },
  stack21: { light: '#0da0a8', dark: '#24f4ff' },
  stack22: { light: '#f750a0', dark: '#f9ba83' },
  stack23: { light: '#6a2f3f', dark: '#81b366' },
  bound: { light: '#6b7280', dark: '#a3abb8' },
  weights: { light: '#7b8798', dark: '#657183' },
  kvUsed: { light: '#e3a018', dark: '#d99a1c' },
  kvFree: { light: '#f7e7c3', dark: '#40351c' },
  reserve: { light: '#d3d8df', dark: '#363d47' },
  hostKv: { light: '#4a1768', dark: '#e6cdf7' },
  loading: { light: '#a9c3d9', dark: '#3f6a8c' },
  activations: { light: '#2f7fb8', dark: '#62b2e8' },
  attention: { light: '#0b8f78', dark: '#3fcaa9' },
  exchange: { light: '#cf5412', dark: '#ff9550' },
  migration: { light: '#a84f86', dark: '#e59fcb' },
  alone: { light: '#d9dde3', dark: '#333b46' },
  group0: { light: '#4d9ac9', dark: '#3d86b3' },
  group1: { light: '#d98a4e', dark: '#b96a30' },
  group2: { light: '#4fb596', dark: '#2f8f72' },
  provisioning: { light: '#dad6e8', dark: '#3a3650' },
  starting: { light: '#b3a9d3', dark: '#5f5687' },
  warming: { light: '#8577b5', dark: '#8f82c4' },
  draining: { light: '#d9cd96', dark: '#6d6338' },
  idle: { light: '#d3ebe2', dark: '#21443a' },
  group3: { light: '#bb7ba5', dark: '#94557e' },
} as const;

export type ColourName = keyof typeof palette;

/** The colours of stacks, in the order in which they are given out. */
export const stackColours: readonly ColourName[] = Object.keys(palette).filter(isStackColour);

function isStackColour(name: string): name is ColourName {
  return name.startsWith('stack');
}

/** The colour as it stands in a spec. */
export function colour(name: ColourName): string {
  return palette[name].light;
}

const fonts = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';

/** Look of every chart: thin grid, no frame, words in the page's type. */
export const chartConfig: Config = {
  background: colour('paper'),
  font: fonts,
  padding: 4,
  aria: false,
  view: { stroke: null },
  concat: { spacing: 18 },
  axis: {
    labelColor: colour('muted'),
    titleColor: colour('muted'),
    labelFontSize: 11,
    titleFontSize: 11,
    titleFontWeight: 'normal',
    gridColor: colour('grid'),
    domainColor: colour('axis'),
    tickColor: colour('axis'),
    tickSize: 4,
    labelPadding: 4,
    titlePadding: 8,
    labelLimit: 150,
  },
  axisX: { grid: false },
  axisY: { domain: false, ticks: false },
  legend: {
    orient: 'top',
    direction: 'horizontal',
    title: null,
    labelColor: colour('ink'),
    labelFontSize: 12,
    labelLimit: 170,
    symbolSize: 90,
    symbolStrokeWidth: 2,
    columnPadding: 18,
    padding: 0,
    offset: 10,
  },
  title: {
    anchor: 'start',
    frame: 'group',
    color: colour('ink'),
    subtitleColor: colour('muted'),
    fontSize: 12,
    subtitleFontSize: 11,
    fontWeight: 600,
    offset: 6,
  },
  text: { color: colour('ink'), fontSize: 11 },
  rule: { color: colour('axis') },
};

/** `:root { --ink: ...; }` for light, dark and print. */
export function paletteCss(): string {
  const light = declarations('light');
  const dark = declarations('dark');
  return [
    `:root{color-scheme:light dark;${light}}`,
    `@media screen and (prefers-color-scheme:dark){:root{${dark}}}`,
  ].join('\n');
}

/** Light value to CSS variable, for the page's script. */
export function variableByColour(): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(palette).map(([name, { light }]) => [light, `var(--${name})`]));
}

function declarations(mode: 'light' | 'dark'): string {
  return Object.entries(palette)
    .map(([name, value]) => `--${name}:${value[mode]};`)
    .join('');
}
