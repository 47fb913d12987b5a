{{- define "hemvist.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "hemvist.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "hemvist.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "hemvist.operator.fullname" -}}
{{- printf "%s-operator" (include "hemvist.fullname" .) -}}
{{- end -}}

{{- define "hemvist.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "hemvist.operator.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name must be set where serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "hemvist.rootNamespace" -}}
{{- default .Release.Namespace .Values.policy.rootNamespace -}}
{{- end -}}

{{- define "hemvist.image" -}}
{{- $image := .Values.operator.image -}}
{{- $reference := printf "%s/%s:%s" .Values.global.imageRegistry $image.repository (default .Chart.AppVersion $image.tag) -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $reference $image.digest -}}
{{- else -}}
{{- $reference -}}
{{- end -}}
{{- end -}}

{{/* Labels of every object. */}}
{{- define "hemvist.labels" -}}
app.kubernetes.io/name: {{ include "hemvist.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: hemvist
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .Values.global.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Labels by which the operator's pods are found. They never change within a release. */}}
{{- define "hemvist.operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "hemvist.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end -}}
