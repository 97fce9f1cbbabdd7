"""YAML files: read with the line of every value, written atomically."""

from fieldfare.support.yamlfile.file import Location, Problem, YamlFile
from fieldfare.support.yamlfile.reader import load_yaml, parse_yaml
from fieldfare.support.yamlfile.writer import dump_yaml, write_text, write_yaml

__all__ = ["Location", "Problem", "YamlFile", "dump_yaml", "load_yaml", "parse_yaml", "write_text", "write_yaml"]
