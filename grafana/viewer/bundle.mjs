// Bundles the viewer for the browser: owns what Grafana's packages need to stand outside of Grafana.
import { build } from 'esbuild';
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

// Editors and maps that no panel of ours draws.
const ABSENT = /^(monaco-editor|@monaco-editor\/react|react-monaco-editor|ol|ol-mapbox-style|slate|slate-react|slate-plain-serializer|@grafana\/slate-react|is-hotkey)(\/|$)/;
// CommonJS packages whose `exports.default` is meant where the ES modules of @grafana/ui import a default.
const DEFAULTS = /^(react-custom-scrollbars-2|micro-memoize|rc-[a-z-]+|react-select|react-highlight-words|react-loading-skeleton|react-calendar|calculate-size)(\/|$)/;

const standsAlone = {
  name: 'stands-alone',
  setup(bundler) {
    bundler.onResolve({ filter: ABSENT }, () => ({ path: here('./src/absent.cjs') }));
    bundler.onResolve({ filter: DEFAULTS }, (asked) =>
      asked.namespace === 'unwrapped' ? undefined : { path: asked.path, namespace: 'unwrapped', pluginData: asked.resolveDir });
    bundler.onLoad({ filter: /./, namespace: 'unwrapped' }, (asked) => ({
      resolveDir: asked.pluginData,
      loader: 'js',
      contents: `
        const found = require(${JSON.stringify(asked.path)});
        const inner = found && found.__esModule && found.default ? found.default : found;
        if (inner !== found) for (const key of Object.keys(found)) if (key !== 'default' && !(key in inner)) { try { inner[key] = found[key]; } catch {} }
        module.exports = inner;`,
    }));
  },
};

await build({
  entryPoints: [here('./src/dashboard.tsx')],
  outfile: here('./dist/viewer.js'),
  bundle: true,
  minify: true,
  format: 'iife',
  jsx: 'automatic',
  logLevel: 'error',
  define: { 'process.env.NODE_ENV': '"production"', global: 'window' },
  loader: { '.woff': 'dataurl', '.woff2': 'dataurl', '.ttf': 'dataurl', '.svg': 'dataurl', '.png': 'dataurl' },
  plugins: [standsAlone],
});
