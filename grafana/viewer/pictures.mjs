// node pictures.mjs PROMETHEUS DASHBOARDS OUT SCRAPE UNTIL SECONDS [WIDTH:THEME]...: a picture and what each query returned.
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import puppeteer from 'puppeteer-core';

const [prometheus, dashboards, out, scrape, until, seconds, ...looks] = process.argv.slice(2);
const here = path.dirname(fileURLToPath(import.meta.url));
const PAGE = '<!DOCTYPE html><meta charset="utf-8"><body><div id="root"></div><script>window.__grafana_public_path__ = "/public/";</script><script src="/viewer.js"></script><link rel="stylesheet" href="/viewer.css">';

function fileOf(name) {
  if (name.startsWith('/dashboards/')) return path.join(dashboards, path.basename(name));
  if (name.startsWith('/public/')) return path.join(here, 'node_modules/@grafana/ui/dist', path.normalize(name));
  return path.join(here, 'dist', path.basename(name));
}

const server = http.createServer((request, response) => {
  const { pathname, search } = new URL(request.url, 'http://viewer');
  if (pathname.startsWith('/prometheus/')) {
    http.get(`${prometheus}${pathname.slice('/prometheus'.length)}${search}`, (answer) => {
      response.writeHead(answer.statusCode, { 'content-type': 'application/json' });
      answer.pipe(response);
    }).on('error', () => response.writeHead(502).end());
  } else if (pathname === '/') {
    response.writeHead(200, { 'content-type': 'text/html' }).end(PAGE);
  } else {
    const type = { '.css': 'text/css', '.js': 'text/javascript', '.svg': 'image/svg+xml' }[path.extname(pathname)];
    fs.readFile(fileOf(pathname), (error, content) => (error ? response.writeHead(404).end() : response.writeHead(200, type ? { 'content-type': type } : {}).end(content)));
  }
});
await new Promise((listens) => server.listen(0, '127.0.0.1', listens));
const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--hide-scrollbars'] });
fs.mkdirSync(out, { recursive: true });
let failed = false;
for (const uid of fs.readdirSync(dashboards).filter((name) => name.endsWith('.json')).map((name) => path.basename(name, '.json')).sort()) {
  for (const look of looks) {
    const [width, theme] = look.split(':');
    const page = await browser.newPage();
    page.on('pageerror', (error) => { failed = true; console.error(uid, String(error.stack ?? error).slice(0, 600)); });
    page.on('console', (message) => message.type() === 'error' && !message.text().includes('404') && console.error(uid, message.text().slice(0, 300)));
    await page.setViewport({ width: Number(width), height: 900 });
    await page.goto(`http://127.0.0.1:${server.address().port}/?${new URLSearchParams({ dashboard: uid, theme, scrape, until, seconds })}`);
    await page.waitForFunction('window.left && window.left.waiting === 0', { timeout: 90_000 });
    await new Promise((drawn) => setTimeout(drawn, 800));
    await page.screenshot({ path: path.join(out, `${uid}-${width}-${theme}.webp`), type: 'webp', quality: 30, fullPage: true });
    fs.writeFileSync(path.join(out, `${uid}.json`), JSON.stringify(await page.evaluate('window.left.answers'), null, 1));
    await page.close();
  }
}
await browser.close();
server.close();
process.exit(failed ? 1 : 0);
