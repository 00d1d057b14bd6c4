export interface Section {
  /** Empty for the page itself. */
  readonly anchor: string;
  readonly titles: string[];
  readonly text: string;
}

export const INTERNALS: RegExp;
export function sectionsOf(page: string, markdown: string): Generator<Section, void>;
export const MINI_SEARCH: {
  readonly options: {
    readonly fields: string[];
    readonly extractField: (section: Readonly<Record<string, string>>, field: string) => string;
    readonly tokenize: (text: string) => string[];
  };
  readonly searchOptions: {
    readonly fuzzy: number;
    readonly prefix: boolean;
    readonly weights: { readonly prefix: number; readonly fuzzy: number };
    readonly combineWith: 'OR';
    readonly boost: Record<string, number>;
    readonly boostDocument: (
      id: string,
      term: string,
      stored?: Readonly<Record<string, unknown>>,
    ) => number;
  };
};
