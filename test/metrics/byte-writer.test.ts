import { expect, test } from 'vitest';
import * as fc from '../fast-check.ts';
import { TextSink } from './text-sink.ts';

function quoted(text: string): string {
  const sink = new TextSink();
  sink.writeQuoted(text);
  return sink.text;
}

test('numbers are printed as JavaScript prints them', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.integer(), fc.double(), fc.maxSafeInteger())), (numbers) => {
      const sink = new TextSink();
      for (const number of numbers) sink.writeNumber(number);
      expect(sink.text).toBe(numbers.map(String).join(''));
    }),
  );
  const sink = new TextSink();
  const edges = [0, -0, 9, 10, 99, 100, 2 ** 31 - 1, 2 ** 31, -1, 1e21, Number.NaN];
  for (const number of edges) sink.writeNumber(number);
  expect(sink.text).toBe(edges.map(String).join(''));
});

test('quoting is that of JSON, lone surrogates and control characters included', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(quoted(text)).toBe(JSON.stringify(text));
    }),
  );
  for (const text of ['\ud800', 'a"b', '\\', '\n', '\u0000', '\u007f', '\u2028', 'é', 'plain'])
    expect(quoted(text)).toBe(JSON.stringify(text));
});

test('nothing is lost where the buffer is full, or smaller than one text', () => {
  const sink = new TextSink();
  const long = 'x'.repeat(200_000);
  let expected = '';
  for (let index = 0; index < 30_000; index += 1) {
    sink.writeNumber(index);
    sink.writeQuoted(`é${index}`);
    sink.writeBytes(Buffer.from('漢'));
    sink.write('🙂');
    expected += `${index}"é${index}"漢🙂`;
  }
  sink.write(long);
  sink.writeQuoted(long);
  sink.write(`${long}é`);
  expect(sink.text).toBe(`${expected}${long}"${long}"${long}é`);
});
