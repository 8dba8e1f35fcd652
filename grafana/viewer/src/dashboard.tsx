// Draws a dashboard with Grafana's own panel components, and leaves beside it what each query returned.
import '@fontsource/inter/400.css';
import '@fontsource/inter/500.css';
import { applyFieldOverrides, createTheme, dateTime, EventBusSrv, getDisplayValueAlignmentFactors, getFieldDisplayValues, ThemeContext, transformDataFrame, VizOrientation, DashboardCursorSync } from '@grafana/data';
import { BigValue, GlobalStyles, PanelChrome, PanelContextProvider, Table, TimeSeries, VizRepeater } from '@grafana/ui';
import { useEffect, useLayoutEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { lastValueFrom } from 'rxjs';
import { customOf, optionsOf, register } from './fields';
import { Answer, filled, framesOf, from, marksOf, seconds, until, variablesOf } from './prometheus';

const asked = new URLSearchParams(location.search);
const theme = createTheme({ colors: { mode: asked.get('theme') === 'light' ? 'light' : 'dark' } });
const timeZone = 'utc';
const timeRange: any = { from: dateTime(from * 1000), to: dateTime(until * 1000), raw: { from: `now-${seconds}s`, to: 'now' } };
const left: { answers: Record<string, Answer[]>; waiting: number } = { answers: {}, waiting: -1 };
(window as any).left = left;

function Marks({ config, marks }: any) {
  useLayoutEffect(() => {
    config.addHook('draw', (plot: any) => {
      const { ctx, bbox } = plot;
      ctx.save();
      ctx.lineWidth = 1;
      ctx.setLineDash([5, 5]);
      for (const mark of marks) {
        const x = plot.valToPos(mark.at, 'x', true);
        ctx.strokeStyle = theme.visualization.getColorByName(mark.colour);
        ctx.beginPath();
        ctx.moveTo(x, bbox.top);
        ctx.lineTo(x, bbox.top + bbox.height);
        ctx.stroke();
      }
      ctx.restore();
    });
  }, [config]);
  return null;
}

async function dataOf(panel: any, width: number, variables: Record<string, string>): Promise<any[]> {
  const found = await Promise.all(panel.targets.map((target: any) => framesOf(panel, target, width, variables)));
  left.answers[panel.title] = found.map(([, answer]: any) => answer);
  let frames = found.flatMap(([one]: any) => one);
  if (panel.transformations?.length) frames = await lastValueFrom(transformDataFrame(panel.transformations, frames));
  const fieldConfig = structuredClone(panel.fieldConfig);
  fieldConfig.defaults.custom = customOf(panel.type, fieldConfig.defaults.custom);
  const steps = [fieldConfig.defaults, ...fieldConfig.overrides.flatMap((one: any) => one.properties.map((property: any) => ({ thresholds: property.id === 'thresholds' ? property.value : undefined })))];
  for (const step of steps.flatMap((one: any) => one.thresholds?.steps ?? [])) step.value ??= -Infinity;
  return applyFieldOverrides({ data: frames, fieldConfig, replaceVariables: (text) => filled(text, variables), theme, timeZone, fieldConfigRegistry: optionsOf(panel.type) });
}

function Drawn({ panel, width, height, variables, marks }: any) {
  const [data, setData] = useState<any[] | null>(null);
  useEffect(() => {
    dataOf(panel, width, variables).then(setData, (error) => { console.error(panel.title, error); setData([]); }).finally(() => { left.waiting -= 1; });
  }, []);
  if (data === null) return null;
  const { options } = panel;
  if (!data.length || data.every((frame) => !frame.length)) {
    const style = { display: 'flex', alignItems: 'center', justifyContent: 'center', height, color: theme.colors.text.secondary };
    return <div style={style}>{panel.fieldConfig.defaults.noValue ?? 'No data'}</div>;
  }
  if (panel.type === 'timeseries') {
    return <TimeSeries frames={data} structureRev={1} timeRange={timeRange} timeZone={timeZone} width={width} height={height} legend={options.legend} options={options}>
      {(config: any) => <Marks config={config} marks={marks} />}
    </TimeSeries>;
  }
  if (panel.type === 'table') return <Table data={data[0]} width={width} height={height} cellHeight={options.cellHeight} noHeader={!options.showHeader} />;
  const getValues = () => getFieldDisplayValues({ fieldConfig: panel.fieldConfig, reduceOptions: options.reduceOptions, replaceVariables: (text: string) => text, theme, data, timeZone } as any);
  const draw = ({ value, ...rest }: any) => <BigValue value={value.display} theme={theme} colorMode={options.colorMode} graphMode={options.graphMode} justifyMode={options.justifyMode} textMode={options.textMode} alignmentFactors={rest.alignmentFactors} width={rest.width} height={rest.height} count={rest.count} />;
  return <VizRepeater getValues={getValues} getAlignmentFactors={getDisplayValueAlignmentFactors as any} renderValue={draw} width={width} height={height} source={data} renderCounter={1} autoGrid itemSpacing={3} orientation={options.orientation ?? VizOrientation.Auto} />;
}

function Grid({ dashboard, shown, variables, marks }: any) {
  const cell = 30, gap = 8, margin = 16, column = (document.documentElement.clientWidth - 2 * margin - 23 * gap) / 24;
  const bottom = Math.max(...dashboard.panels.map(({ gridPos }: any) => gridPos.y + gridPos.h)) * (cell + gap);
  const chip = { border: `1px solid ${theme.components.input.borderColor}`, padding: '2px 8px', borderRadius: 2, fontSize: 12 };
  return <div style={{ padding: margin }}>
    <div style={{ display: 'flex', gap: 8, alignItems: 'center', marginBottom: 8 }}>
      <b style={{ fontSize: 16 }}>{dashboard.title}</b>
      {shown.map((one: any) => <span key={one.name} style={chip}>{one.label}: {one.shown}</span>)}
    </div>
    <div style={{ position: 'relative', height: bottom }}>
      {dashboard.panels.map((panel: any) => {
        const { x, y, w, h } = panel.gridPos;
        const place = { left: x * (column + gap), top: y * (cell + gap), width: w * column + (w - 1) * gap, height: h * cell + (h - 1) * gap };
        return <div key={panel.id} style={{ position: 'absolute', ...place }}>
          {panel.type === 'row'
            ? <div style={{ height: cell, fontSize: 16, fontWeight: 500 }}>{panel.title}</div>
            : <PanelChrome width={place.width} height={place.height} title={panel.title} description={panel.description}>
                {(width, height) => <Drawn panel={panel} width={width} height={height} variables={variables} marks={marks} />}
              </PanelChrome>}
        </div>;
      })}
    </div>
  </div>;
}

async function main() {
  register();
  const dashboard = await (await fetch(`/dashboards/${asked.get('dashboard')}.json`)).json();
  const shown = await variablesOf(dashboard);
  const variables = Object.fromEntries(shown.map(({ name, value }) => [name, value]));
  const marks = await marksOf(dashboard, variables);
  await Promise.all([400, 500].map((weight) => document.fonts.load(`${weight} 14px Inter`)));
  left.waiting = dashboard.panels.filter(({ type }: any) => type !== 'row').length;
  const context: any = { eventsScope: 'viewer', eventBus: new EventBusSrv(), sync: () => DashboardCursorSync.Off };
  createRoot(document.getElementById('root')!).render(
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <PanelContextProvider value={context}><Grid dashboard={dashboard} shown={shown} variables={variables} marks={marks} /></PanelContextProvider>
    </ThemeContext.Provider>,
  );
}

main().catch((error) => console.error(error));
