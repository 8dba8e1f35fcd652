// The field options and transformations that Grafana's application registers for panels; its packages leave that to it.
import {
  displayNameOverrideProcessor, FieldConfigOptionsRegistry, FieldType, identityOverrideProcessor, numberOverrideProcessor,
  standardFieldConfigEditorRegistry, standardTransformers, standardTransformersRegistry, stringOverrideProcessor,
  thresholdsOverrideProcessor, unitOverrideProcessor, valueMappingsOverrideProcessor,
} from '@grafana/data';

const isNumber = (field: any) => field.type === FieldType.number;

function option(id: string, process: any, shouldApply: any = () => true, more: object = {}): any {
  return { id, path: id, name: id, description: '', editor: () => null, override: () => null, settings: {}, process, shouldApply, ...more };
}

const STANDARD = [
  option('unit', unitOverrideProcessor, isNumber),
  option('min', numberOverrideProcessor, isNumber),
  option('max', numberOverrideProcessor, isNumber),
  option('decimals', numberOverrideProcessor, isNumber),
  option('displayName', displayNameOverrideProcessor),
  option('noValue', stringOverrideProcessor),
  option('color', identityOverrideProcessor),
  option('thresholds', thresholdsOverrideProcessor, isNumber),
  option('mappings', valueMappingsOverrideProcessor),
  option('links', identityOverrideProcessor),
];

const CUSTOM: Record<string, Record<string, unknown>> = {
  timeseries: {
    drawStyle: 'line', lineInterpolation: 'linear', lineWidth: 1, lineStyle: { fill: 'solid' }, fillOpacity: 0, gradientMode: 'none',
    barAlignment: 0, barWidthFactor: 0.6, stacking: { mode: 'none', group: 'A' }, spanNulls: false, insertNulls: false,
    showPoints: 'auto', pointSize: 5, axisGridShow: true, axisCenteredZero: false, axisBorderShow: false, axisPlacement: 'auto',
    axisColorMode: 'text', axisLabel: '', axisSoftMin: undefined, axisSoftMax: undefined, scaleDistribution: { type: 'linear' },
    hideFrom: { tooltip: false, viz: false, legend: false }, thresholdsStyle: { mode: 'off' },
  },
  table: { align: 'auto', cellOptions: { type: 'auto' }, inspect: false, width: undefined },
  stat: {},
};

export function customOf(type: string, custom: object | undefined): any {
  return { ...structuredClone(CUSTOM[type] ?? {}), ...(custom ?? {}) };
}

export function optionsOf(type: string): any {
  const own = Object.keys(CUSTOM[type] ?? {}).map((name) => option(`custom.${name}`, identityOverrideProcessor, () => true, { path: name, isCustom: true }));
  return new FieldConfigOptionsRegistry(() => [...STANDARD, ...own]);
}

export function register(): void {
  standardFieldConfigEditorRegistry.setInit(() => STANDARD);
  standardTransformersRegistry.setInit(() =>
    [standardTransformers.mergeTransformer, standardTransformers.organizeFieldsTransformer].map((transformation: any) => ({
      id: transformation.id, name: transformation.name, description: '', transformation, editor: () => null, imageDark: '', imageLight: '',
    })) as any);
}
