// The part of KaTeX that lib/maths.js uses.

declare module "katex" {
  interface Options {
    displayMode?: boolean;
    throwOnError?: boolean;
    trust?: () => boolean;
    strict?: (code: string) => "ignore" | "warn" | "error";
    maxExpand?: number;
    maxSize?: number;
    output?: "html" | "mathml" | "htmlAndMathml";
  }
  const katex: { render(tex: string, element: HTMLElement, options?: Options): void };
  export default katex;
}
