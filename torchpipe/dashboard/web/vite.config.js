import { readFileSync } from "node:fs";
import { defineConfig } from "vite";

// Names without hashes: the built page is committed, and its files should be seen to change, not to move.
const bundled = ["@dagrejs/dagre", "@dagrejs/graphlib", "uplot"];

function licences() {
  const parts = bundled.map((name) => {
    const { version } = JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8"));
    return `${name} ${version}\n\n${readFileSync(`node_modules/${name}/LICENSE`, "utf8").trim()}\n`;
  });
  const head = "The page contains these packages.\n";
  return {
    name: "licences",
    generateBundle() {
      const source = [head, ...parts].join(`\n${"-".repeat(78)}\n\n`);
      this.emitFile({ type: "asset", fileName: "LICENSES", source });
    },
  };
}

export default defineConfig({
  base: "./",
  plugins: [licences()],
  build: {
    outDir: process.env.OUT_DIR || "../static",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: {
        entryFileNames: "page.js",
        assetFileNames: "[name][extname]",
      },
    },
  },
});
