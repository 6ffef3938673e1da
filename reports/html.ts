import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Results } from './load.ts';
import { html, jsonMarkup, trusted } from './markup.ts';
import type { Markup } from './markup.ts';
import { appendix } from './page/appendix.ts';
import { chartSection } from './page/chart-section.ts';
import type { NamedDrawing } from './page/chart-section.ts';
import { classTables } from './page/class-tables.ts';
import { fidelityTable } from './page/fidelity-table.ts';
import { keySections, masthead } from './page/first-screen.ts';
import { fleetTable } from './page/fleet-table.ts';
import { contents, stackChips } from './page/navigation.ts';
import { harmedTable } from './page/harmed-table.ts';
import { policyFigures } from './page/policy-figures.ts';
import { refusedTable } from './page/refused-table.ts';
import { timelineDialog } from './page/timeline-dialog.ts';
import { paletteCss, variableByColour } from './theme.ts';

const require = createRequire(import.meta.url);

/** What is put into the page besides the results: text of scripts, in order of running, and of the style sheet. */
export interface PageAssets {
  readonly scripts: readonly string[];
  readonly style: string;
}

/** The page's own scripts, in order of running. */
const pageScripts = [
  'open-contents.js',
  'read-data.js',
  'filter-stacks.js',
  'request-timeline.js',
  'draw-charts.js',
];

/** Vega's, its interpreter's and Vega-Lite's builds out of `node_modules`, the page's own scripts, the style sheet. */
export async function readPageAssets(): Promise<PageAssets> {
  const [vega, interpreter, vegaLite, style, own] = await Promise.all([
    readFile(join(packageBuild('vega'), 'vega.min.js'), 'utf8'),
    readFile(require.resolve('vega-interpreter'), 'utf8'),
    readFile(join(packageBuild('vega-lite'), 'vega-lite.min.js'), 'utf8'),
    pageFile('style.css'),
    Promise.all(pageScripts.map(pageFile)),
  ]);
  const scripts = [vega, classicScript(interpreter), vegaLite, ...own].map(inlineScript);
  return { scripts, style };
}

function pageFile(name: string): Promise<string> {
  return readFile(fileURLToPath(new URL(`page/${name}`, import.meta.url)), 'utf8');
}

/**
 * The whole report as one page that needs nothing else. Its content security policy allows these scripts by their
 * hashes, no code made at run time and no connection at all, so that neither a slip in escaping nor a library can reach
 * out. Vega's expressions are interpreted, since compiling them would take `unsafe-eval`.
 */
export function renderPage(results: Results, drawings: readonly NamedDrawing[], assets: PageAssets): string {
  const hashes = assets.scripts.map(
    (text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`,
  );
  const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src ${hashes.join(' ')}; base-uri 'none'; form-action 'none'`;
  const sections = sectionsOf(results, drawings);
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${trusted(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${results.manifest.name}: servebench report</title>
<style>${trusted(`${paletteCss()}\n${assets.style}`)}</style>
</head>
<body>
<a class="skip" href="#verdicts">Skip to the verdicts</a>
${masthead(results)}
${contents(sections)}
<main>
${stackChips(results)}
${sections}
</main>
<footer><p>Written by servebench ${results.manifest.versions['servebench'] ?? ''}. This file needs no network.</p></footer>
${timelineDialog(results)}
<div id="tip" role="status" hidden></div>
<script type="application/json" id="colours">${jsonMarkup(variableByColour())}</script>
${assets.scripts.map((text) => html`<script>${trusted(text)}</script>`)}
</body>
</html>
`.markup;
}

function sectionsOf(results: Results, drawings: readonly NamedDrawing[]): Markup {
  return html`${keySections(results)}
${classTables(results)}
${fleetTable(results)}
${harmedTable(results)}
${chartSection(drawings)}
${refusedTable(results)}
${fidelityTable(results)}
${policyFigures(results)}
${appendix(results)}`;
}

function packageBuild(name: 'vega' | 'vega-lite'): string {
  return join(dirname(require.resolve(`${name}/${name}-schema.json`)));
}

/**
 * Vega's interpreter comes as a module; in an inline script it takes from Vega's build what it would import, and its one
 * export becomes a constant of the page.
 */
function classicScript(text: string): string {
  const body = withoutSourceMap(text)
    .replace(/^import (\{[^}]*\}) from 'vega-util';$/m, 'const $1 = vega;')
    .replace(/^export \{ (\w+) as expressionInterpreter \};$/m, 'return $1;');
  return `const expressionInterpreter = (() => {\n${body}\n})();\n`;
}

/** A script element ends at the first `</script`, wherever it stands. */
function inlineScript(text: string): string {
  return withoutSourceMap(text).replaceAll(/<\/(?=script)/gi, '<\\/');
}

function withoutSourceMap(text: string): string {
  return text.replace(/\n\/\/# sourceMappingURL=\S+\s*$/, '\n');
}
