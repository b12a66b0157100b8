{{- define "hmn-operator.name" -}}
{{- if eq .Release.Name "hmn-operator" -}}hmn-operator{{- else -}}{{ printf "%s-hmn-operator" .Release.Name | trunc 52 | trimSuffix "-" }}{{- end -}}
{{- end -}}

{{- define "hmn-operator.selector" -}}
app.kubernetes.io/name: hmn-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "hmn-operator.labels" -}}
{{ include "hmn-operator.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}
{{/* The metric sources as the operator reads them: a Secret becomes the folder where it is mounted. */}}
{{- define "hmn-operator.metricSources" -}}
{{- $sources := list -}}
{{- range .Values.metricSources -}}
{{- $source := omit . "secretName" -}}
{{- if .secretName -}}
{{- $source = set $source "folder" (printf "/etc/hmn-operator/sources/%s" .name) -}}
{{- end -}}
{{- $sources = append $sources $source -}}
{{- end -}}
{{- $sources | toJson -}}
{{- end -}}
