// The editor of a sample: CodeMirror, with what TypeScript says about the code. Both are loaded when a reader opens one.
import {
  autocompletion,
  type Completion,
  type CompletionContext,
  type CompletionResult,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
} from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { javascript } from '@codemirror/lang-javascript';
import {
  bracketMatching,
  HighlightStyle,
  indentOnInput,
  syntaxHighlighting,
} from '@codemirror/language';
import { type Diagnostic, linter, lintKeymap, setDiagnostics } from '@codemirror/lint';
import { EditorState } from '@codemirror/state';
import { drawSelection, EditorView, hoverTooltip, keymap } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { ask } from '../types/asking.ts';
import type { Explained, Mistake } from '../types/messages.ts';

export interface EditorSink {
  /** The reader has changed the code. */
  changed(code: string): void;
  /** What is wrong with the code now, in its order. */
  found(mistakes: readonly Mistake[]): void;
}

export interface Editor {
  readonly code: string;
  /** Marks a line, the first is 1, until the code changes. */
  mark(line: number, text: string): void;
  close(): void;
}

/** A reader who types is not told of every half word. */
const PAUSE_MS = 300;
const SHOWN_NAMES = 12;

/** The classes of the words of code in the pages: their colors stand in the style sheet. */
const colors = HighlightStyle.define([
  { tag: [tags.keyword, tags.operator, tags.modifier], class: 'c1' },
  { tag: [tags.function(tags.variableName), tags.function(tags.propertyName)], class: 'c2' },
  { tag: [tags.string, tags.regexp, tags.special(tags.string)], class: 'c3' },
  { tag: [tags.number, tags.bool, tags.null, tags.self, tags.escape], class: 'c4' },
  { tag: [tags.typeName, tags.className, tags.definition(tags.className)], class: 'c5' },
  { tag: tags.comment, class: 'c6' },
  // A dot is an operator, too.
  { tag: tags.derefOperator, class: 'plain' },
]);

/** In the site's colors. It comes with the editor: the pages themselves have no use for it. */
const look = EditorView.theme({
  '&': {
    maxHeight: '70vh',
    margin: '16px 0',
    border: '1px solid var(--vp-c-divider)',
    borderRadius: '8px',
    background: 'var(--vp-code-block-bg)',
    color: 'var(--vp-c-text-1)',
    fontSize: '14px',
  },
  '&.cm-focused': { outline: '2px solid var(--vp-c-brand-1)' },
  '.cm-scroller': { padding: '8px', fontFamily: 'var(--vp-font-family-mono)', lineHeight: '22px' },
  '.cm-content': { caretColor: 'var(--vp-c-text-1)' },
  '.cm-cursor': { borderLeftColor: 'var(--vp-c-text-1)' },
  '.cm-selectionBackground': { background: 'var(--vp-c-brand-soft) !important' },
  '.faulty': { backgroundColor: 'var(--vp-c-danger-soft)' },
  '.cm-tooltip': {
    border: '1px solid var(--vp-c-border)',
    borderRadius: '6px',
    background: 'var(--vp-c-bg-elv)',
    color: 'var(--vp-c-text-1)',
  },
  '.cm-tooltip-hover': { maxWidth: 'min(90vw, 560px)' },
  // As many names as it shows at once: nothing in it scrolls.
  '.cm-tooltip.cm-tooltip-autocomplete > ul': { maxHeight: 'none', margin: '0', padding: '0' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { margin: '0', padding: '2px 6px' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]': {
    background: 'var(--vp-button-brand-bg)',
    color: 'var(--vp-button-brand-text)',
  },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected] span': { color: 'inherit' },
  '.explained': {
    maxHeight: '320px',
    padding: '4px 8px',
    overflow: 'hidden',
    fontSize: '13px',
    lineHeight: '1.5',
  },
  '.explained code': {
    padding: '0',
    background: 'none',
    color: 'inherit',
    whiteSpace: 'pre-wrap',
  },
  '.explained p': { margin: '4px 0 0', lineHeight: 'inherit', whiteSpace: 'pre-line' },
  '@media (max-width: 640px)': { '.cm-completionInfo': { display: 'none' } },
});

/** CodeMirror's pictures, by the compiler's word. */
const KINDS: Readonly<Record<string, string>> = {
  method: 'method',
  property: 'property',
  getter: 'property',
  setter: 'property',
  accessor: 'property',
  function: 'function',
  'local function': 'function',
  class: 'class',
  interface: 'interface',
  type: 'type',
  enum: 'enum',
  keyword: 'keyword',
  module: 'namespace',
};

function shown({ type, words }: Explained): HTMLElement {
  const box = document.createElement('div');
  box.className = 'explained';
  box.append(Object.assign(document.createElement('code'), { textContent: type }));
  if (words !== '') box.append(Object.assign(document.createElement('p'), { textContent: words }));
  return box;
}

async function proposed(context: CompletionContext): Promise<CompletionResult | null> {
  const word = context.matchBefore(/[\w$]*/);
  const from = word?.from ?? context.pos;
  const isAsked = context.explicit || context.matchBefore(/[.'"]/) !== null;
  if (!isAsked && from === context.pos) return null;
  const code = context.state.doc.toString();
  const names = await ask('proposals', code, context.pos);
  if (names === undefined || context.aborted) return null;
  const options = names.map(({ name, kind }): Completion => {
    const info = async (): Promise<HTMLElement | null> => {
      const details = await ask('details', code, context.pos, name);
      return details ? shown(details) : null;
    };
    return { label: name, type: KINDS[kind] ?? 'variable', info };
  });
  return { from, options, validFor: /^[\w$]*$/ };
}

const explaining = hoverTooltip(async ({ state }, at) => {
  const found = await ask('explain', state.doc.toString(), at);
  return found ? { pos: found.from, end: found.to, create: () => ({ dom: shown(found) }) } : null;
});

/** Opens an editor in an element. */
export function openEditor(parent: HTMLElement, code: string, sink: EditorSink): Editor {
  const mistakes = linter(
    async ({ state }): Promise<Diagnostic[]> => {
      const found = (await ask('mistakes', state.doc.toString())) ?? [];
      if (state.doc === view.state.doc) sink.found(found);
      return found.map(({ from, to, text }) => ({ from, to, severity: 'error', message: text }));
    },
    { delay: PAUSE_MS },
  );
  const view = new EditorView({
    parent,
    doc: code,
    extensions: [
      history(),
      drawSelection(),
      indentOnInput(),
      bracketMatching(),
      closeBrackets(),
      javascript({ typescript: true }),
      look,
      syntaxHighlighting(colors),
      autocompletion({ override: [proposed], maxRenderedOptions: SHOWN_NAMES }),
      mistakes,
      explaining,
      // Tab leaves the editor, as it leaves any field.
      keymap.of([
        ...closeBracketsKeymap,
        ...completionKeymap,
        ...lintKeymap,
        ...historyKeymap,
        ...defaultKeymap,
      ]),
      EditorState.tabSize.of(2),
      EditorView.contentAttributes.of({ tabindex: '0', 'aria-label': 'The code of this sample' }),
      EditorView.updateListener.of(({ docChanged, state }) => {
        if (docChanged) sink.changed(state.doc.toString());
      }),
    ],
  });
  return {
    get code() {
      return view.state.doc.toString();
    },
    mark(line, text) {
      const { doc } = view.state;
      if (line < 1 || line > doc.lines) return;
      const { from, to } = doc.line(line);
      view.dispatch(
        setDiagnostics(view.state, [
          { from, to, severity: 'error', message: text, markClass: 'faulty' },
        ]),
      );
    },
    close: () => view.destroy(),
  };
}
