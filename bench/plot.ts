import type { TopLevelSpec } from 'vega-lite'

/** A bar of the plot: one peer on one database. */
export interface Bar {
  readonly database: string
  readonly peer: string
  readonly rowsPerSecond: number
}

/** Rows a second, by peer, a column of bars for each database: as SVG. */
export async function plot(bars: readonly Bar[]): Promise<string> {
  // Both are modules of the kind that can only be imported.
  const [vega, { compile }] = await Promise.all([import('vega'), import('vega-lite')])
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    data: { values: [...bars] },
    facet: { column: { field: 'database', title: null, sort: null } },
    resolve: { scale: { x: 'independent' } },
    spec: {
      width: 220,
      mark: 'bar',
      encoding: {
        y: { field: 'peer', type: 'nominal', title: null, sort: null, axis: { labelLimit: 300 } },
        x: { field: 'rowsPerSecond', type: 'quantitative', title: 'rows a second', axis: { tickCount: 4 } },
        color: { condition: { test: 'test(/^rowshift/, datum.peer)', value: '#2563eb' }, value: '#9ca3af' },
      },
    },
  }
  return new vega.View(vega.parse(compile(spec).spec), { renderer: 'none' }).toSVG()
}
