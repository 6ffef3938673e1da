import type { DoctorReport, DoctorRow } from './doctor.ts';

const marks = { ok: 'ok', warning: 'warn', failed: 'FAIL' } as const satisfies Record<
  DoctorRow['status'],
  string
>;

/** Formats each row as one line, followed by a line with its remedy if it has one. */
export function formatDoctor(report: DoctorReport): string {
  const nameWidth = Math.max(...report.rows.map(({ name }) => name.length));
  return report.rows
    .flatMap(({ name, status, detail, remedy }) => {
      const line = `${marks[status].padEnd(4)}  ${name.padEnd(nameWidth)}  ${detail}`;
      return remedy === undefined ? [line] : [line, `${' '.repeat(nameWidth + 8)}-> ${remedy}`];
    })
    .join('\n');
}
