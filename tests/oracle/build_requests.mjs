// What swagger-client makes of operations and values.
//
// stdin:  {"documents": {name: document}, "cases": [{"document", "path", "method", "parameters", "body"?,
//          "mediaType"?, "contextUrl"}]}; a file is {"__file": base64, "filename", "contentType"}
// stdout: [{"method", "url", "headers", "body"?} | {"error"}], a body being {"text"}, {"base64"} or {"parts": [...]}
import { readFileSync } from 'node:fs'
import SwaggerClient from 'swagger-client'

// References are written out this far: nothing that a request is made by stands deeper.
const DEEPEST = 5

const { documents, cases } = JSON.parse(readFileSync(0, 'utf8'))

function pointed(document, reference) {
  // Before `#` can only stand the document's own address: others are refused before they come here.
  const tokens = reference.slice(reference.indexOf('#') + 2).split('/').map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
  return tokens.reduce((node, token) => (token in node ? node[token] : node[decodeURIComponent(token)]), document)
}

function writtenOut(document, node, depth) {
  if (Array.isArray(node)) return node.map((item) => writtenOut(document, item, depth))
  if (node === null || typeof node !== 'object') return node
  if (typeof node.$ref === 'string') {
    return depth > 0 ? writtenOut(document, pointed(document, node.$ref), depth - 1) : {}
  }
  return Object.fromEntries(Object.entries(node).map(([name, child]) => [name, writtenOut(document, child, depth)]))
}

function asFile(value) {
  if (Array.isArray(value)) return value.map(asFile)
  if (value === null || typeof value !== 'object') return value
  if (typeof value.__file === 'string') {
    return new File([Buffer.from(value.__file, 'base64')], value.filename, { type: value.contentType })
  }
  return Object.fromEntries(Object.entries(value).map(([name, child]) => [name, asFile(child)]))
}

async function written(body) {
  if (body === undefined) return undefined
  if (body instanceof FormData) {
    const parts = []
    for (const [name, value] of body.entries()) {
      parts.push(
        typeof value === 'string'
          ? { name, text: value }
          : {
              name,
              base64: Buffer.from(await value.arrayBuffer()).toString('base64'),
              filename: value.name,
              contentType: value.type,
            }
      )
    }
    return { parts }
  }
  if (body instanceof Blob) return { base64: Buffer.from(await body.arrayBuffer()).toString('base64') }
  return { text: typeof body === 'string' ? body : JSON.stringify(body) }
}

// One operation is all that there is in the document that swagger-client sees.
function alone({ document: name, path, method, additional, withheld }) {
  const document = documents[name]
  const { paths, components, definitions, responses, parameters, ...rest } = document
  let item = paths[path]
  while (item.$ref) item = pointed(document, item.$ref)
  const node = additional ? item.additionalOperations[method] : item[method]
  const { responses: _, ...operation } = writtenOut(document, node, DEEPEST)
  operation.operationId = 'this'
  const found = { parameters: writtenOut(document, item.parameters ?? [], DEEPEST) }
  for (const parameter of [...found.parameters, ...(operation.parameters ?? [])]) {
    // Credentials that a document lists among its parameters: the vault holds them.
    if (withheld.includes(parameter.name)) parameter.required = false
  }
  if (item.servers) found.servers = item.servers
  if (additional) found.additionalOperations = { [method]: operation }
  else found[method] = operation
  return { ...rest, paths: { [path]: found } }
}

// In Swagger 2.0 a body and the fields of a form are parameters.
function swaggerBody(spec, { path, method, body }, parameters) {
  const item = spec.paths[path]
  for (const parameter of [...item.parameters, ...(item[method].parameters ?? [])]) {
    if (parameter.in === 'body') parameters[`body.${parameter.name}`] = asFile(body)
    if (parameter.in === 'formData' && parameter.name in body) {
      parameters[`formData.${parameter.name}`] = asFile(body[parameter.name])
    }
  }
}

const answers = []
for (const each of cases) {
  try {
    const spec = alone(each)
    const parameters = asFile(each.parameters)
    if (spec.swagger && each.body !== undefined) swaggerBody(spec, each, parameters)
    const request = SwaggerClient.buildRequest({
      spec,
      operationId: 'this',
      parameters,
      requestBody: asFile(each.body),
      requestContentType: each.mediaType,
      contextUrl: each.contextUrl,
    })
    answers.push({
      method: request.method,
      url: request.url,
      headers: request.headers,
      body: await written(request.body),
    })
  } catch (error) {
    answers.push({ error: String(error.message) })
  }
}
process.stdout.write(JSON.stringify(answers))
