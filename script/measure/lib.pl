# Shared by the programs of script/measure: files of the checkout, percentiles, comments, output.
use strict;
use warnings;
use FindBin;
require "$FindBin::Bin/../lib/sql_text.pl";

my ($list, $measured);

# Features in the order of the Makefile: an index is a feature's rank.
sub features
{
	my $text = slurp('Makefile');
	$text =~ s/\\\n//g;
	$text =~ /^FEATURES\s*=\s*(.*)$/m or die "the Makefile names no features\n";
	return split ' ', $1;
}

# Files of the checkout whose path matches, as git knows them; a new file counts too.
sub files
{
	my ($pattern) = @_;
	our @all_files;
	@all_files = map { chomp; $_ } `git ls-files --cached --others --exclude-standard`
	  unless @all_files;
	return sort grep { /$pattern/ && -f $_ } @all_files;
}

# Scripts that people and continuous integration run, and the SQL of the benchmarks
sub script_pattern
{
	my $folders = '(?:script|bench|\.ci|container|test/(?:scripts|packages|docs))';
	return "^$folders/.*(?<!\\.md)(?<!\\.json)\$";
}

sub slurp
{
	my ($file) = @_;
	open my $in, '<:encoding(UTF-8)', $file or die "$file: $!\n";
	local $/;
	return scalar <$in>;
}

sub percentile
{
	my ($part, @values) = @_;
	return 0 unless @values;
	@values = sort { $a <=> $b } @values;
	my $at = int($part * @values);
	return $values[ $at > $#values ? $#values : $at ];
}

sub share
{
	my ($count, $total) = @_;
	return $total ? sprintf('%.1f', 100 * $count / $total) : '0.0';
}

# Tags of the C files of src/ of these kinds (letters of ctags): file, line, end, name, kind, and
# whether it is static.
sub c_tags
{
	my ($kinds) = @_;
	my @tags;
	my @command = (qw(ctags --languages=C --langmap=C:.c.h --fields=nekf --excmd=number -u -f -),
		"--kinds-C=$kinds", files('^src/.*\.[ch]$'));
	open my $in, '-|', @command or die "ctags is missing (package universal-ctags)\n";
	while (<$in>)
	{
		chomp;
		my ($name, $file, undef, $kind, @fields) = split /\t/;
		my %field = map { /^(\w+):(.*)$/ ? ($1, $2) : () } @fields;
		push @tags,
		  { name => $name, file => $file, kind => $kind, static => exists $field{file},
			line => $field{line}, end => $field{end} // $field{line} };
	}
	close $in or die "ctags failed\n";
	return @tags;
}

# Print "NAME VALUE", or with --list NAME the offenders of that measure, one a line.
sub measure
{
	my ($name, $value, @offenders) = @_;
	if (!defined $list)
	{
		print "$name $value\n";
	}
	elsif ($list eq $name)
	{
		print "$_\n" for @offenders;
		$measured = 1;
	}
}

# Read the arguments of a program: none, or --list NAME. Exit status 3: no such measure here.
sub begin
{
	chdir `git -C "\$(dirname "$0")" rev-parse --show-toplevel` =~ s/\n//r or die "no checkout\n";
	binmode STDOUT, ':encoding(UTF-8)';
	return unless @ARGV;
	die "usage: $0 [--list NAME]\n" unless @ARGV == 2 && $ARGV[0] eq '--list';
	$list = $ARGV[1];
}

sub finish
{
	exit(defined $list && !$measured ? 3 : 0);
}

1;
