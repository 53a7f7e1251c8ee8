import {
  Composer,
  type Document,
  isCollection,
  LineCounter,
  Parser,
  type Tags,
  visit,
  type YAMLParseError,
} from 'yaml';
import { printable } from '../policy/printable.ts';
import { nestingFault } from './nesting.ts';
import { offsetOf, rangeOf } from './node-position.ts';

/** One document of a stream. */
export interface ManifestDocument {
  /** With the tokens of the source, for positions. */
  readonly tree: Document;
  /** The plain value. */
  readonly value: unknown;
}

/** One thing that is wrong with a text, at an offset into it. */
export interface DocumentFault {
  readonly offset: number;
  /** One line. */
  readonly message: string;
}

/** A stream of documents, or all that is wrong with it; no documents then. */
export interface ParsedDocuments {
  readonly documents: readonly ManifestDocument[];
  readonly faults: readonly DocumentFault[];
  readonly lineCounter: LineCounter;
}

/** Kubernetes (sigs.k8s.io/yaml on go-yaml 2) reads YAML 1.1, but takes timestamps and base-60 numbers for strings. */
const NOT_KUBERNETES = /:(timestamp|binary|omap|pairs|set)$/;

/** Leaves out the tags that Kubernetes does not know, so that what looks like a timestamp stays a string. */
export function kubernetesTags(tags: Tags): Tags {
  return tags.filter(tag => typeof tag === 'string' || (!NOT_KUBERNETES.test(tag.tag) && tag.format !== 'TIME'));
}

const OPTIONS = {
  version: '1.1',
  keepSourceTokens: true,
  prettyErrors: false,
  stringKeys: true,
  logLevel: 'error',
  customTags: kubernetesTags,
} as const;

/** How often what an anchor names may be repeated, through aliases of aliases too; people write a few. */
const MAXIMUM_ALIASES = 10_000;

const UNREADABLE = [
  {
    // Neither YAML nor JSON may hold these outside an escape (YAML 1.1, 5.1).
    // oxlint-disable-next-line no-control-regex -- control characters are what it looks for
    pattern: /[\0-\x08\x0b\x0c\x0e-\x1f]/,
    message: 'a control character; this is no text, or not in UTF-8',
  },
  {
    // In front of a key it would hide the key; it stays behind where files were joined.
    pattern: /(?<=\n)\ufeff/,
    message: 'a byte order mark inside the file; remove it',
  },
] as const;

/** Parses a stream of YAML documents, or one JSON document, as Kubernetes reads them. */
export function parseDocuments(text: string): ParsedDocuments {
  const lineCounter = new LineCounter();
  const tokens = [...new Parser(lineCounter.addNewLine).parse(text)];
  const tooDeep = nestingFault(tokens);
  const early = [...unreadable(text), ...(tooDeep === undefined ? [] : [tooDeep])];
  // The composer recurses: beyond the limit it must not run.
  if (early.length > 0) return { documents: [], faults: early, lineCounter };
  const trees = [...new Composer(OPTIONS).compose(tokens)];
  const syntax = trees.flatMap(syntaxFaults);
  if (syntax.length > 0) return { documents: [], faults: syntax, lineCounter };
  const faults: DocumentFault[] = [];
  const documents = trees.map(tree => ({ tree, value: toPlain(tree, faults) }));
  return { documents: faults.length > 0 ? [] : documents, faults, lineCounter };
}

function unreadable(text: string): readonly DocumentFault[] {
  return UNREADABLE.flatMap(({ pattern, message }) => {
    const offset = text.search(pattern);
    return offset < 0 ? [] : [{ offset, message }];
  });
}

function syntaxFaults(tree: Document): readonly DocumentFault[] {
  const trailing = tree.errors.find(error => isAfterFlow(tree, error));
  if (trailing !== undefined) {
    // The parser takes whatever follows for one error a token.
    return [{ offset: trailing.pos[0], message: 'more after the end of the document; write --- between two' }];
  }
  if (tree.errors.length > 0) {
    const faults = tree.errors.map(({ pos, message }) => ({ offset: pos[0], message: printable(message, 300) }));
    return faults.filter(({ offset }, index) => index === faults.findIndex(fault => fault.offset === offset));
  }
  return aliasFaults(tree);
}

function isAfterFlow({ contents }: Document, { code, pos }: YAMLParseError): boolean {
  const end = isCollection(contents) && contents.flow === true ? rangeOf(contents)?.end : undefined;
  return end !== undefined && code === 'UNEXPECTED_TOKEN' && pos[0] >= end;
}

function aliasFaults(tree: Document): readonly DocumentFault[] {
  const faults: DocumentFault[] = [];
  visit(tree, {
    Alias(_, alias) {
      const offset = rangeOf(alias)?.start ?? 0;
      const source = alias.resolve(tree);
      const range = rangeOf(source);
      const name = `alias *${printable(alias.source, 80)}`;
      if (source === undefined) faults.push({ offset, message: `${name} has no anchor before it` });
      else if (range !== undefined && offset >= range.start && offset < range.end) {
        faults.push({ offset, message: `${name} stands inside of what it repeats` });
      }
    },
  });
  return faults;
}

function toPlain(tree: Document, faults: DocumentFault[]): unknown {
  try {
    return tree.toJS({ maxAliasCount: MAXIMUM_ALIASES });
  } catch {
    // What is left are aliases of aliases that multiply without end.
    faults.push({ offset: offsetOf(tree.contents, { path: [] }), message: 'aliases that expand to too much' });
    return undefined;
  }
}
